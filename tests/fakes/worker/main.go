// Fake of FogFlow's worker on Kubernetes: a Deployment and a Service for each task, in upstream's shape. It listens on
// nothing, knows its tasks in memory only, and deletes them when it is told to go; killed, it leaves them behind.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

const patience = time.Second

// beatEvery is 10 s whatever the configuration says; tests that cannot wait that long set FAKE_HEARTBEAT_S.
func beatEvery() time.Duration {
	if seconds, err := strconv.ParseFloat(os.Getenv("FAKE_HEARTBEAT_S"), 64); err == nil {
		return time.Duration(seconds * float64(time.Second))
	}
	return 10 * time.Second
}

type worker struct {
	id     string
	config *kit.Config
	bus    *kit.Bus
	kube   *kube
	broker string
	mutex  sync.Mutex
	tasks  map[string]running
}

type running struct {
	task          kit.Task
	object        string
	reference     string
	subscriptions map[string]string // by the id of the entity
}

func main() {
	c := kit.Load("/config.json")
	id := "Worker." + c.SiteID
	if *kit.Instance != "0" {
		id += "." + *kit.Instance
	}
	w := &worker{id: id, config: c, bus: kit.NewBus(c), kube: inCluster(c.Worker.Namespace), tasks: map[string]running{},
		broker: fmt.Sprintf("http://%s:%d/ngsi10", c.Broker.HostIP, c.Broker.Port)}
	queue := kit.Queue{Name: id, Bindings: []string{id + ".*"}, AutoDelete: true}
	go w.bus.Consume(queue, func() { w.say("WORKER_JOIN") }, w.hear)
	go func() {
		for range time.Tick(beatEvery()) {
			w.say("WORKER_HEARTBEAT")
			if os.Getenv("FAKE_LEAKS_CONNECTIONS") != "" {
				w.bus.Leak()
			}
		}
	}()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	w.say("WORKER_LEAVE")
	w.mutex.Lock()
	all := w.tasks
	w.mutex.Unlock()
	for _, each := range all {
		w.terminate(each)
	}
	log.Print("gone, with all tasks")
}

func (w *worker) say(kind string) {
	w.mutex.Lock()
	load := len(w.tasks)
	w.mutex.Unlock()
	profile := kit.WorkerProfile{ID: w.id, OS: runtime.GOOS, Hardware: runtime.GOARCH,
		Capacity: w.config.Worker.Capacity, Workload: load}
	w.bus.PublishWithin(patience, kind, "heartbeat.", w.id, profile)
}

func (w *worker) hear(message kit.Message) {
	var task kit.Task
	var flow kit.Flow
	switch message.Type {
	case "ADD_TASK":
		if json.Unmarshal(message.PayLoad, &task) == nil {
			go w.launch(task)
		}
	case "REMOVE_TASK":
		if json.Unmarshal(message.PayLoad, &task) == nil {
			w.mutex.Lock()
			known, ok := w.tasks[task.ID]
			delete(w.tasks, task.ID)
			w.mutex.Unlock()
			if ok {
				go w.terminate(known)
			}
		}
	case "ADD_INPUT", "REMOVE_INPUT":
		if json.Unmarshal(message.PayLoad, &flow) == nil {
			go w.feed(flow, message.Type == "ADD_INPUT")
		}
	}
}
