package main

import (
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"net/http"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

func reply(w http.ResponseWriter, body any) { kit.Reply(w, 200, body) }

func (d *designer) broker(path string) string {
	return fmt.Sprintf("http://%s:%d/ngsi10/%s", d.config.Broker.HostIP, d.config.Broker.Port, path)
}

// subscribe makes a subscription of the page at the broker; its id there.
func (d *designer) subscribe(wanted object) string {
	body := kit.Subscription{Entities: []kit.EntityId{{Type: text(wanted, "entity_type"), IsPattern: true}},
		Reference: text(wanted, "reference_url")}
	headers := map[string]string{"NGSILD-Tenant": text(wanted, "tenant")}
	if protocol := text(wanted, "destination_broker"); protocol != "NGSIv1" {
		headers["Destination"] = protocol
	}
	var answer struct {
		Response struct {
			ID string `json:"subscriptionId"`
		} `json:"subscribeResponse"`
	}
	if _, err := kit.Call("POST", d.broker("subscribeContext"), headers, body, &answer); err != nil {
		log.Printf("not subscribed: %v", err)
	}
	return answer.Response.ID
}

// subscribeAgain makes all subscriptions of the page once more at the start: under ids that nobody notes.
func (d *designer) subscribeAgain() {
	time.Sleep(2 * time.Second)
	d.mutex.Lock()
	all := maps.Clone(d.stored.Subscriptions)
	d.mutex.Unlock()
	for _, wanted := range all {
		d.subscribe(wanted)
	}
}

func (d *designer) addSubscription(w http.ResponseWriter, r *http.Request) {
	_, wanted, ok := posted(w, r)
	if !ok {
		return
	}
	if len(wanted) > 0 {
		if id := d.subscribe(wanted); id != "" {
			d.mutex.Lock()
			d.stored.Subscriptions[id] = wanted
			d.mutex.Unlock()
			d.save()
		}
	}
	done(w, 200)
}

func (d *designer) removeSubscription(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("name")
	d.mutex.Lock()
	known := d.stored.Subscriptions[id] != nil
	delete(d.stored.Subscriptions, id)
	d.mutex.Unlock()
	if !known {
		done(w, 404)
		return
	}
	_, _ = kit.Call("POST", d.broker("unsubscribeContext"), nil, map[string]string{"subscriptionId": id}, nil)
	d.save()
	done(w, 200)
}

// hear notes masters, and what workers say of their tasks.
func (d *designer) hear(message kit.Message) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	switch message.Type {
	case "MASTER_JOIN":
		var profile kit.MasterProfile
		if json.Unmarshal(message.PayLoad, &profile) == nil {
			d.masters[profile.ID] = profile
		}
	case "MASTER_LEAVE":
		delete(d.masters, message.From)
	case "TASK_UPDATE":
		var said object
		if json.Unmarshal(message.PayLoad, &said) != nil {
			return
		}
		id := text(said, "TaskID")
		said["Worker"], said["ID"] = message.From, id
		if d.tasks[id] == nil {
			d.order = append(d.order, id)
		}
		d.tasks[id] = said
		if text(said, "Status") == "removed" {
			d.forget(id)
		}
	}
}

func (d *designer) forget(id string) {
	delete(d.tasks, id)
	kept := []string{}
	for _, each := range d.order {
		if each != id {
			kept = append(kept, each)
		}
	}
	d.order = kept
}

func (d *designer) infoMaster(w http.ResponseWriter, _ *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	list := []kit.MasterProfile{}
	for _, each := range d.masters {
		list = append(list, each)
	}
	reply(w, list)
}

func (d *designer) infoTask(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	list := []object{}
	for _, id := range d.order {
		if intent := r.PathValue("intent"); intent == "" || text(d.tasks[id], "ServiceIntentID") == intent {
			list = append(list, d.tasks[id])
		}
	}
	reply(w, list)
}
