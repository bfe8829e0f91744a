// Stand-in of FogFlow's worker on Kubernetes: a Deployment and a Service for each task, in upstream's shape. It listens on
// nothing, knows its tasks in memory only, and deletes them when it is told to go; killed, it leaves them behind.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"fogflow-k8s.invalid/standins/internal/kit"
)

const (
	beatEvery = 10 * time.Second // whatever the configuration says
	patience  = time.Second
)

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
	subscriptions []string
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
		for range time.Tick(beatEvery) {
			w.say("WORKER_HEARTBEAT")
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
	profile := kit.WorkerProfile{ID: w.id, Location: map[string]float64{}, OS: runtime.GOOS, Hardware: runtime.GOARCH,
		Capacity: w.config.Worker.Capacity, Workload: load}
	w.bus.PublishWithin(patience, kind, "heartbeat.", w.id, profile)
}

func (w *worker) hear(message kit.Message) {
	var task kit.Task
	if json.Unmarshal(message.PayLoad, &task) != nil {
		return
	}
	switch message.Type {
	case "ADD_TASK":
		go w.launch(task)
	case "REMOVE_TASK":
		w.mutex.Lock()
		known, ok := w.tasks[task.ID]
		delete(w.tasks, task.ID)
		w.mutex.Unlock()
		if ok {
			go w.terminate(known)
		}
	}
}

// launch starts a task; one that runs already is started once more and the first forgotten, as in the original.
func (w *worker) launch(task kit.Task) {
	w.report("TASK_UPDATE", map[string]string{"TaskID": task.ID, "Status": "running"}) // whatever happens
	it := running{task: task}
	w.mutex.Lock()
	w.tasks[task.ID] = it
	w.mutex.Unlock()
	object, reference, err := w.kube.start(task, w.broker)
	if err != nil {
		log.Printf("%s: %v", task.ID, err) // nobody hears of it
		return
	}
	it.object = object
	for _, input := range task.Inputs {
		if sid := w.subscribe(task.ID, input, reference); sid != "" {
			it.subscriptions = append(it.subscriptions, sid)
		}
	}
	w.mutex.Lock()
	w.tasks[task.ID] = it
	w.mutex.Unlock()
	w.report("TASK_INFO", map[string]string{"TaskID": task.ID, "Info": "refURL=" + reference + "; containerID=" + object})
}

func (w *worker) subscribe(taskID string, input map[string]any, reference string) string {
	body := map[string]any{"entities": []map[string]any{{"type": input["Type"], "id": input["ID"]}}, "reference": reference}
	headers := map[string]string{"Fiware-Correlator": taskID, "Require-Reliability": "true"}
	var answer struct {
		Response struct {
			ID string `json:"subscriptionId"`
		} `json:"subscribeResponse"`
	}
	if _, err := kit.Call("POST", w.broker+"/subscribeContext", headers, body, &answer); err != nil {
		log.Printf("%s is not subscribed: %v", taskID, err)
	}
	return answer.Response.ID
}

func (w *worker) terminate(it running) {
	if it.object != "" {
		w.kube.stop(it.object)
	}
	for _, sid := range it.subscriptions {
		_, _ = kit.Call("POST", w.broker+"/unsubscribeContext", nil, map[string]string{"subscriptionId": sid}, nil)
	}
	for _, output := range it.task.Outputs {
		element := map[string]any{"entityId": map[string]string{"id": output["StreamID"], "type": output["Type"]}}
		body := map[string]any{"contextElements": []any{element}, "updateAction": "DELETE"}
		_, _ = kit.Call("POST", w.broker+"/updateContext", nil, body, nil)
	}
	w.report("TASK_UPDATE", map[string]string{"TaskID": it.task.ID, "Status": "removed"})
}

func (w *worker) report(kind string, payload any) {
	w.bus.PublishWithin(patience, kind, "task.", w.id, payload)
}
