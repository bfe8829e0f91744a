package main

import (
	"log"
	"net/http"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

const resendEvery = 2 * time.Second

func asked(s *kit.Subscription) kit.Query {
	return kit.Query{Entities: s.Entities, Attributes: s.Attributes, Restriction: s.Restriction}
}

// announce tells whoever wants to hear of this one.
func (d *discovery) announce(known kit.Registration, code int) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, s := range d.subscriptions {
		if wants(asked(s), known) {
			go d.notify(s, byProvider([]kit.Registration{known}), code)
		}
	}
}

// notify posts to the reference as it is, again and again until the answer's body says 200: the HTTP status does not count.
func (d *discovery) notify(s *kit.Subscription, found []kit.Provided, code int) {
	notice := kit.Availability{ID: s.ID, Responses: found, Code: kit.Code{Code: code, Reason: "OK"}}
	for {
		var answer kit.Response
		_, err := kit.Call("POST", s.Reference, nil, notice, &answer)
		if err == nil && answer.Code.Code == http.StatusOK {
			return
		}
		log.Printf("%s did not take it: %v", s.Reference, err)
		time.Sleep(resendEvery)
		d.mutex.Lock()
		current := d.subscriptions[s.ID]
		d.mutex.Unlock()
		if current != s {
			return
		}
	}
}

func (d *discovery) put(w http.ResponseWriter, r *http.Request, id string) {
	s := &kit.Subscription{}
	if !kit.Read(w, r, s) {
		return
	}
	s.ID, s.Subscriber = id, nil
	d.mutex.Lock()
	d.subscriptions[id] = s
	known := d.find(asked(s))
	d.mutex.Unlock()
	kit.Reply(w, 200, map[string]any{"subscribeId": id, "errorCode": kit.OK})
	if len(known) > 0 { // who subscribes hears at once of what there is
		go d.notify(s, known, kit.Created)
	}
}

func (d *discovery) subscribe(w http.ResponseWriter, r *http.Request) { d.put(w, r, kit.NewID()) }

// restore takes any id: the way to put back what was lost.
func (d *discovery) restore(w http.ResponseWriter, r *http.Request) { d.put(w, r, r.PathValue("sid")) }

func (d *discovery) unsubscribe(w http.ResponseWriter, r *http.Request) {
	var request struct {
		ID string `json:"subscriptionId"`
	}
	if !kit.Read(w, r, &request) {
		return
	}
	d.mutex.Lock()
	delete(d.subscriptions, request.ID)
	d.mutex.Unlock()
	kit.Reply(w, 200, map[string]any{"subscriptionId": request.ID, "statusCode": kit.Code{Code: 200, Details: "OK"}})
}

func (d *discovery) list(w http.ResponseWriter, _ *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	kit.Reply(w, 200, d.subscriptions)
}
