// Fake of FogFlow's master: who works, and which task runs where. All of it in memory only. Deaf on the bus it still
// answers /status with 200.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

type master struct {
	config      *kit.Config
	bus         *kit.Bus
	profile     kit.MasterProfile
	mutex       sync.Mutex
	workers     map[string]*kit.WorkerProfile
	plans       map[string]*plan   // by the id of the intent
	streams     map[string]*stream // by the id of the subscription at discovery that was made for it
	subscribing sync.Mutex         // held until the answer of discovery is noted: its notification may be faster
}

func main() {
	c := kit.Load("/config.json")
	m := &master{config: c, bus: kit.NewBus(c), workers: map[string]*kit.WorkerProfile{}, plans: map[string]*plan{},
		streams: map[string]*stream{}}
	m.profile = kit.MasterProfile{ID: "Master." + c.SiteID,
		Agent: fmt.Sprintf("http://%s:%d", c.Master.HostIP, c.Master.AgentPort)}
	id := m.profile.ID
	queue := kit.Queue{Name: id, Bindings: []string{id + ".", "heartbeat.*", "task.", "orchestration.*"}, AutoDelete: true}
	go m.bus.Consume(queue, func() { m.say("MASTER_JOIN", m.profile) }, m.hear)
	// the window is a product of two keys: without them it is nothing, and every worker is forgotten within a second
	go m.forgetWorkers(time.Duration(c.Worker.Heartbeat*c.Worker.Detection) * time.Second)
	agent := http.NewServeMux()
	agent.HandleFunc("POST /notifyContextAvailability", m.available)
	go kit.Serve(c.Master.AgentPort, kit.REST(agent))
	rest := http.NewServeMux()
	rest.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { kit.Reply(w, 200, m.profile) })
	rest.HandleFunc("GET /workers", func(w http.ResponseWriter, _ *http.Request) {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		kit.Reply(w, 200, m.workers)
	})
	go kit.Serve(c.Master.RESTPort, kit.REST(rest))
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	m.say("MASTER_LEAVE", kit.MasterProfile{ID: id}) // and nothing to the workers
}

func (m *master) say(kind string, payload any) {
	m.bus.PublishWithin(time.Second, kind, "designer.", m.profile.ID, payload)
}

func (m *master) hear(message kit.Message) {
	switch message.Type {
	case "WORKER_JOIN", "WORKER_HEARTBEAT":
		profile := &kit.WorkerProfile{}
		if json.Unmarshal(message.PayLoad, profile) == nil {
			profile.Seen = time.Now().UTC()
			m.mutex.Lock()
			m.workers[profile.ID] = profile
			m.mutex.Unlock()
		}
	case "WORKER_LEAVE":
		m.mutex.Lock()
		delete(m.workers, message.From)
		m.mutex.Unlock()
	case "ServiceIntent":
		wanted := kit.Intent{}
		if json.Unmarshal(message.PayLoad, &wanted) == nil {
			go m.orchestrate(wanted)
		}
	}
}

func (m *master) send(kind, worker string, payload any) {
	if err := m.bus.Publish(kind, worker+".", m.profile.ID, payload); err != nil {
		log.Printf("%s for %s is lost: %v", kind, worker, err)
	}
}

func (m *master) forgetWorkers(window time.Duration) {
	for range time.Tick(time.Second) {
		m.mutex.Lock()
		for id, worker := range m.workers {
			if time.Since(worker.Seen) >= window {
				delete(m.workers, id)
			}
		}
		m.mutex.Unlock()
	}
}
