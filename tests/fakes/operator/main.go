// A task of the tests: counts what it is told, and publishes the count to its output. It repeats the attribute `sequence`
// of its input, as the scenario `flow` of `bench` asks of an operator.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

func main() {
	var commands []map[string]string
	if err := json.Unmarshal([]byte(os.Getenv("adminCfg")), &commands); err != nil {
		log.Fatal(err)
	}
	said := map[string]map[string]string{}
	for _, command := range commands {
		said[command["command"]] = command
	}
	var count atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /notifyContext", func(w http.ResponseWriter, r *http.Request) {
		var notice struct {
			Responses []kit.ElementResponse `json:"contextResponses"`
		}
		if !kit.Read(w, r, &notice) {
			return
		}
		kit.Reply(w, 200, kit.OK)
		output := said["SET_OUTPUTS"]
		if output == nil {
			return
		}
		attributes := []kit.Attribute{{Name: "count", Type: "integer", Value: count.Add(1)}}
		for _, each := range notice.Responses {
			attributes = append(attributes, kit.Attribute{Name: "of", Type: "string", Value: each.Element.Entity.ID})
			for _, a := range each.Element.Attributes {
				if a.Name == "sequence" {
					attributes = append(attributes, a)
				}
			}
		}
		element := kit.Element{Entity: kit.EntityId{ID: output["id"], Type: output["type"]}, Attributes: attributes}
		body := map[string]any{"contextElements": []kit.Element{element}, "updateAction": "UPDATE"}
		headers := map[string]string{"Fiware-Correlator": said["SET_CORRELATORID"]["correlatorID"]}
		if _, err := kit.Call("POST", said["CONNECT_BROKER"]["brokerURL"]+"/updateContext", headers, body, nil); err != nil {
			log.Print(err)
		}
	})
	mux.HandleFunc("GET /count", func(w http.ResponseWriter, _ *http.Request) { kit.Reply(w, 200, count.Load()) })
	port, err := strconv.Atoi(os.Getenv("myport"))
	if err != nil {
		log.Fatal(err)
	}
	kit.Serve(port, mux)
}
