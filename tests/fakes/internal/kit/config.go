// Package kit holds what the fakes of FogFlow's programs share.
package kit

import (
	"encoding/json"
	"flag"
	"log"
	"os"
)

// Config is the part of config.json that the fakes read; a section that is missing stays zero, as in the originals.
type Config struct {
	SiteID    string `json:"site_id"`
	MyHostIP  string `json:"my_hostip"`
	Discovery struct {
		HostIP string `json:"host_ip"`
		Port   int    `json:"http_port"`
	} `json:"discovery"`
	Broker struct {
		HostIP    string `json:"host_ip"`
		Port      int    `json:"http_port"`
		Heartbeat int    `json:"heartbeat_interval"`
	} `json:"broker"`
	Master struct {
		HostIP    string `json:"host_ip"`
		AgentPort int    `json:"ngsi_agent_port"`
		RESTPort  int    `json:"rest_api_port"`
	} `json:"master"`
	Worker struct {
		Management string `json:"container_management"`
		Namespace  string `json:"app_namespace"`
		Capacity   int    `json:"capacity"`
		Heartbeat  int    `json:"heartbeat_interval"`
		Detection  int    `json:"detection_duration"`
	} `json:"worker"`
	Designer struct {
		HostIP    string `json:"host_ip"`
		WebPort   int    `json:"webSrvPort"`
		AgentPort int    `json:"agentPort"`
	} `json:"designer"`
	RabbitMQ struct {
		HostIP string `json:"host_ip"`
		// the designer's file may carry "5672?frameMax=8192": it pastes the port into its URL
		Port     any    `json:"port"`
		User     string `json:"username"`
		Password string `json:"password"`
	} `json:"rabbitmq"`
}

// Instance is the `-i` of the command line: which of several workers or brokers this is.
var Instance = flag.String("i", "0", "instance")

// Load reads the configuration from `path` (or what -f names), and ends the program when it cannot.
func Load(path string) *Config {
	file := flag.String("f", path, "config.json")
	flag.Parse()
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	data, err := os.ReadFile(*file)
	if err != nil {
		log.Fatalf("no configuration: %v", err)
	}
	config := &Config{}
	if err := json.Unmarshal(data, config); err != nil {
		log.Fatalf("%s: %v", *file, err)
	}
	return config
}
