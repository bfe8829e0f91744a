// Stand-in of FogFlow's discovery (NGSI9): who provides which entity, who wants to hear of new ones, which brokers live.
// All of it in memory only; it goes with the process.
package main

import (
	"log"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"fogflow-k8s.invalid/standins/internal/kit"
)

type discovery struct {
	mutex         sync.Mutex
	registrations map[string]kit.Registration
	subscriptions map[string]*kit.Subscription
	brokers       map[string]*broker
}

type broker struct {
	ID   string    `json:"id"`
	URL  string    `json:"providerURL"`
	Seen time.Time `json:"last_heartbeat_update"`
}

func main() {
	config := kit.Load("/config.json")
	d := &discovery{registrations: map[string]kit.Registration{}, subscriptions: map[string]*kit.Subscription{},
		brokers: map[string]*broker{}}
	// the window is the product: without the key it is nothing, and every broker is forgotten within a second
	go d.forgetBrokers(time.Duration(config.Broker.Heartbeat*6) * time.Second)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ngsi9/status", func(w http.ResponseWriter, _ *http.Request) { kit.Reply(w, 200, "ok") })
	mux.HandleFunc("POST /ngsi9/registerContext", d.register)
	mux.HandleFunc("POST /ngsi9/unregisterContext", d.unregister)
	mux.HandleFunc("POST /ngsi9/discoverContextAvailability", d.discover)
	mux.HandleFunc("GET /ngsi9/registration/{id}", d.registration)
	mux.HandleFunc("POST /ngsi9/subscribeContextAvailability", d.subscribe)
	mux.HandleFunc("POST /ngsi9/UpdateLDContextAvailability/{sid}", d.restore)
	mux.HandleFunc("POST /ngsi9/unsubscribeContextAvailability", d.unsubscribe)
	mux.HandleFunc("GET /ngsi9/subscription", d.list)
	mux.HandleFunc("GET /ngsi9/subscription/{sid}", func(http.ResponseWriter, *http.Request) {
		log.Print("fatal error: sync: RUnlock of unlocked RWMutex") // what one such request does to the original
		os.Exit(2)
	})
	mux.HandleFunc("POST /ngsi9/broker", d.heartbeat)
	mux.HandleFunc("GET /ngsi9/broker", d.listBrokers)
	kit.Serve(config.Discovery.Port, mux)
}

type registerRequest struct {
	Registrations []struct {
		Entities    []kit.EntityID   `json:"entities"`
		Attributes  []map[string]any `json:"attributes"`
		Metadata    []map[string]any `json:"contextMetadata"`
		Application string           `json:"providingApplication"`
	} `json:"contextRegistrations"`
}

func (d *discovery) register(w http.ResponseWriter, r *http.Request) {
	var request registerRequest
	if !kit.Read(w, r, &request) {
		return
	}
	for _, each := range request.Registrations {
		for _, entity := range each.Entities {
			d.mutex.Lock()
			d.registrations[entity.ID] = kit.Registration{ID: entity.ID, Type: entity.Type, Attributes: each.Attributes,
				Metadata: each.Metadata, Application: each.Application}
			interested := d.interested(entity)
			d.mutex.Unlock()
			for _, subscription := range interested {
				go notify(subscription, entity, each.Application, "CREATE")
			}
		}
	}
	kit.Reply(w, 200, map[string]any{"registrationId": kit.NewID(), "errorCode": kit.OK})
}

func (d *discovery) unregister(w http.ResponseWriter, r *http.Request) {
	var entity kit.EntityID
	if !kit.Read(w, r, &entity) {
		return
	}
	d.mutex.Lock()
	known, ok := d.registrations[entity.ID]
	delete(d.registrations, entity.ID)
	interested := d.interested(kit.EntityID{ID: entity.ID, Type: known.Type})
	d.mutex.Unlock()
	if ok {
		for _, subscription := range interested {
			go notify(subscription, kit.EntityID{ID: entity.ID, Type: known.Type}, known.Application, "DELETE")
		}
	}
	kit.Reply(w, 200, kit.OK)
}

// interested is called with the lock held.
func (d *discovery) interested(entity kit.EntityID) []*kit.Subscription {
	var found []*kit.Subscription
	for _, subscription := range d.subscriptions {
		if subscription.Wants(entity) {
			found = append(found, subscription)
		}
	}
	return found
}

func notify(s *kit.Subscription, entity kit.EntityID, provider, action string) {
	body := map[string]any{"subscriptionId": s.ID, "action": action, "entity": entity, "provider": provider}
	url := strings.TrimRight(s.Reference, "/") + "/notifyContextAvailability"
	if _, err := kit.Call("POST", url, nil, body, nil); err != nil {
		log.Printf("%s cannot be told of %s: %v", url, entity.ID, err)
	}
}

func (d *discovery) discover(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Entities []kit.EntityID `json:"entities"`
	}
	if !kit.Read(w, r, &request) {
		return
	}
	wanted := kit.Subscription{Entities: request.Entities}
	found := []map[string]any{}
	d.mutex.Lock()
	for _, each := range d.registrations {
		entity := kit.EntityID{ID: each.ID, Type: each.Type}
		if wanted.Wants(entity) {
			found = append(found, map[string]any{"contextRegistration": map[string]any{
				"entities": []kit.EntityID{entity}, "providingApplication": each.Application}})
		}
	}
	d.mutex.Unlock()
	kit.Reply(w, 200, map[string]any{"contextRegistrationResponses": found, "errorCode": kit.OK})
}

func (d *discovery) registration(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if found, ok := d.registrations[r.PathValue("id")]; ok {
		kit.Reply(w, 200, found)
		return
	}
	kit.Reply(w, 404, map[string]string{"error": "no such registration"})
}

func (d *discovery) put(w http.ResponseWriter, r *http.Request, id string) {
	subscription := &kit.Subscription{}
	if !kit.Read(w, r, subscription) {
		return
	}
	subscription.ID = id
	d.mutex.Lock()
	d.subscriptions[id] = subscription
	var known []kit.Registration
	for _, each := range d.registrations {
		if subscription.Wants(kit.EntityID{ID: each.ID, Type: each.Type}) {
			known = append(known, each)
		}
	}
	d.mutex.Unlock()
	kit.Reply(w, 200, map[string]any{"subscriptionId": id, "errorCode": kit.OK})
	for _, each := range known { // who subscribes hears at once of what there is
		go notify(subscription, kit.EntityID{ID: each.ID, Type: each.Type}, each.Application, "CREATE")
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
	kit.Reply(w, 200, kit.OK)
}

func (d *discovery) list(w http.ResponseWriter, _ *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	kit.Reply(w, 200, d.subscriptions)
}

func (d *discovery) heartbeat(w http.ResponseWriter, r *http.Request) {
	seen := &broker{}
	if !kit.Read(w, r, seen) {
		return
	}
	seen.Seen = time.Now()
	d.mutex.Lock()
	d.brokers[seen.ID] = seen
	d.mutex.Unlock()
	kit.Reply(w, 200, kit.OK)
}

func (d *discovery) listBrokers(w http.ResponseWriter, _ *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	kit.Reply(w, 200, d.brokers)
}

func (d *discovery) forgetBrokers(window time.Duration) {
	for range time.Tick(time.Second) {
		d.mutex.Lock()
		for id, each := range d.brokers {
			if time.Since(each.Seen) >= window {
				delete(d.brokers, id)
			}
		}
		d.mutex.Unlock()
	}
}
