// Stand-in of FogFlow's master: who works, and which task runs where. All of it in memory only. Deaf on the bus it still
// answers /status with 200.
package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log"
	"net/http"
	"sync"
	"time"

	"fogflow-k8s.invalid/standins/internal/kit"
)

type master struct {
	config  *kit.Config
	bus     *kit.Bus
	mutex   sync.Mutex
	workers map[string]*kit.WorkerProfile
	intents map[string]*intent // by the id of the subscription at discovery that was made for it
}

type intent struct {
	kit.Intent
	topology kit.Topology
	tasks    map[string]kit.Task // by the id of the entity
}

func main() {
	c := kit.Load("/config.json")
	m := &master{config: c, bus: kit.NewBus(c), workers: map[string]*kit.WorkerProfile{}, intents: map[string]*intent{}}
	id := "Master." + c.SiteID
	queue := kit.Queue{Name: id, Bindings: []string{id + ".", "heartbeat.*", "task.", "orchestration.*"}, AutoDelete: true}
	go m.bus.Consume(queue, func() {}, m.hear)
	// the window is a product of two keys: without them it is nothing, and every worker is forgotten within a second
	go m.forgetWorkers(time.Duration(c.Worker.Heartbeat*c.Worker.Detection) * time.Second)
	agent := http.NewServeMux()
	agent.HandleFunc("POST /notifyContextAvailability", m.available)
	go kit.Serve(c.Master.AgentPort, agent)
	rest := http.NewServeMux()
	rest.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { kit.Reply(w, 200, "ok") })
	rest.HandleFunc("GET /workers", func(w http.ResponseWriter, _ *http.Request) {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		kit.Reply(w, 200, m.workers)
	})
	kit.Serve(c.Master.RESTPort, rest)
}

func (m *master) hear(message kit.Message) {
	switch message.Type {
	case "WORKER_JOIN", "WORKER_HEARTBEAT":
		profile := &kit.WorkerProfile{}
		if json.Unmarshal(message.PayLoad, profile) == nil {
			profile.Seen = time.Now()
			m.mutex.Lock()
			m.workers[profile.ID] = profile
			m.mutex.Unlock()
		}
	case "WORKER_LEAVE":
		m.mutex.Lock()
		delete(m.workers, message.From)
		m.mutex.Unlock()
	case "INTENT":
		wanted := kit.Intent{}
		if json.Unmarshal(message.PayLoad, &wanted) == nil {
			go m.orchestrate(wanted)
		}
	}
}

func (m *master) orchestrate(wanted kit.Intent) {
	m.mutex.Lock()
	for sid, known := range m.intents {
		if known.ID == wanted.ID {
			delete(m.intents, sid)
			if wanted.Action == "REMOVE" {
				for _, task := range known.tasks {
					go m.send("REMOVE_TASK", task)
				}
			}
		}
	}
	m.mutex.Unlock()
	if wanted.Action == "REMOVE" {
		return
	}
	it := &intent{Intent: wanted, tasks: map[string]kit.Task{}}
	url := fmt.Sprintf("http://%s:%d/topology/%s", m.config.Designer.HostIP, m.config.Designer.WebPort, wanted.Topology)
	if status, err := kit.Call("GET", url, nil, nil, &it.topology); err != nil || status != 200 {
		log.Printf("failed to find the associated topology %s: %d %v", wanted.Topology, status, err) // dropped for ever
		return
	}
	sid := kit.NewID()
	m.mutex.Lock()
	m.intents[sid] = it
	m.mutex.Unlock()
	reference := fmt.Sprintf("http://%s:%d", m.config.Master.HostIP, m.config.Master.AgentPort)
	body := kit.Subscription{Entities: []kit.EntityID{{Type: it.topology.Input, IsPattern: true}}, Reference: reference}
	discovery := fmt.Sprintf("http://%s:%d/ngsi9/UpdateLDContextAvailability/%s", m.config.Discovery.HostIP, m.config.Discovery.Port, sid)
	if _, err := kit.Call("POST", discovery, nil, body, nil); err != nil {
		log.Printf("not subscribed: %v", err) // and nobody will try again
	}
}

func (m *master) available(w http.ResponseWriter, r *http.Request) {
	var notice struct {
		ID     string       `json:"subscriptionId"`
		Action string       `json:"action"`
		Entity kit.EntityID `json:"entity"`
	}
	if !kit.Read(w, r, &notice) {
		return
	}
	kit.Reply(w, 200, kit.OK)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	it, ok := m.intents[notice.ID]
	if !ok {
		log.Printf("subscription %s was not issued by me", notice.ID)
		return
	}
	task, running := it.tasks[notice.Entity.ID]
	switch {
	case notice.Action == "DELETE" && running:
		delete(it.tasks, notice.Entity.ID)
		go m.send("REMOVE_TASK", task)
	case notice.Action != "DELETE" && !running:
		m.launch(it, notice.Entity)
	}
}

// launch is called with the lock held.
func (m *master) launch(it *intent, entity kit.EntityID) {
	for id, worker := range m.workers {
		if worker.Workload < worker.Capacity {
			worker.Workload++
			hash := fnv.New32a()
			fmt.Fprintf(hash, "%q", entity.ID)
			key := fmt.Sprint(hash.Sum32())
			task := kit.Task{
				ID: fmt.Sprintf("Task.%s.%s.%s", it.topology.Name, it.topology.Task, key), TopologyName: it.topology.Name,
				TaskName: it.topology.Task, IntentID: it.ID, DockerImage: it.topology.Image, WorkerID: id, Status: "scheduled",
				OperatorName: it.topology.Operator, Parameters: it.topology.Parameters,
				Inputs: []map[string]any{{"Type": entity.Type, "ID": entity.ID, "AttributeList": nil}},
			}
			if it.topology.Output != "" {
				task.Outputs = []map[string]string{{"Type": it.topology.Output, "StreamID": it.topology.Output + "." + key + ".1"}}
			}
			it.tasks[entity.ID] = task
			go m.send("ADD_TASK", task)
			return
		}
	}
	log.Printf("NOT ABLE TO FIND A WORKER for %s: dropped", entity.ID)
}

func (m *master) send(kind string, task kit.Task) {
	if err := m.bus.Publish(kind, task.WorkerID+".", "Master."+m.config.SiteID, task); err != nil {
		log.Printf("%s of %s is lost: %v", kind, task.ID, err)
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
