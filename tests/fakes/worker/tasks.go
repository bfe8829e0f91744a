package main

import (
	"log"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

// launch starts a task; one that runs already is started once more and the first forgotten, as in the original. It says
// "running" before anything exists, whatever happens then.
func (w *worker) launch(task kit.Task) {
	w.update(task, "running")
	if task.DockerImage == "" {
		return // and nobody hears of it
	}
	it := running{task: task, subscriptions: map[string]string{}}
	w.mutex.Lock()
	w.tasks[task.ID] = it
	w.mutex.Unlock()
	object, reference, err := w.kube.start(task, w.broker)
	if err != nil {
		log.Printf("%s: %v", task.ID, err) // nobody hears of it
		return
	}
	it.object, it.reference = object, reference
	for _, input := range task.Inputs {
		if sid := w.subscribe(task.ID, input, reference); sid != "" {
			it.subscriptions[input.ID] = sid
		}
	}
	w.mutex.Lock()
	w.tasks[task.ID] = it
	w.mutex.Unlock()
	w.report("TASK_INFO", kit.TaskInfo{TaskID: task.ID, TopologyName: task.TopologyName, TaskName: task.TaskName,
		Info: "refURL=" + reference + "; containerID=" + object})
}

func (w *worker) subscribe(taskID string, input kit.Input, reference string) string {
	body := kit.Subscription{Entities: []kit.EntityId{{Type: input.Type, ID: input.ID}}, Attributes: input.Attributes,
		Reference: reference}
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

func (w *worker) unsubscribe(sid string) {
	_, _ = kit.Call("POST", w.broker+"/unsubscribeContext", nil, map[string]string{"subscriptionId": sid}, nil)
}

// feed gives a running task one more input, or takes one away.
func (w *worker) feed(flow kit.Flow, more bool) {
	w.mutex.Lock()
	it, ok := w.tasks[flow.TaskID]
	w.mutex.Unlock()
	if !ok || it.reference == "" {
		return
	}
	sid := ""
	if more {
		sid = w.subscribe(flow.TaskID, flow.Input, it.reference)
	}
	w.mutex.Lock()
	old := it.subscriptions[flow.Input.ID]
	delete(it.subscriptions, flow.Input.ID)
	if sid != "" {
		it.subscriptions[flow.Input.ID] = sid
	}
	w.mutex.Unlock()
	if !more && old != "" {
		w.unsubscribe(old)
	}
}

func (w *worker) terminate(it running) {
	if it.object != "" {
		w.kube.stop(it.object)
	}
	for _, sid := range it.subscriptions {
		w.unsubscribe(sid)
	}
	for _, output := range it.task.Outputs {
		element := kit.Element{Entity: kit.EntityId{ID: output.StreamID, Type: output.Type}}
		body := map[string]any{"contextElements": []kit.Element{element}, "updateAction": "DELETE"}
		_, _ = kit.Call("POST", w.broker+"/updateContext", nil, body, nil)
	}
	w.update(it.task, "removed")
}

func (w *worker) update(task kit.Task, status string) {
	w.report("TASK_UPDATE", kit.TaskUpdate{TaskID: task.ID, TopologyName: task.TopologyName, TaskName: task.TaskName,
		IntentID: task.IntentID, Status: status})
}

func (w *worker) report(kind string, payload any) {
	w.bus.PublishWithin(patience, kind, "task.", w.id, payload)
}
