// Fake of FogFlow's discovery (NGSI9): who provides which entity, who wants to hear of new ones, which brokers live.
// All of it in memory only; it goes with the process.
package main

import (
	"log"
	"maps"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

type discovery struct {
	mutex         sync.Mutex
	registrations map[string]kit.Registration
	subscriptions map[string]*kit.Subscription
	brokers       map[string]*broker
}

type broker struct {
	ID   string    `json:"id"`
	URL  string    `json:"myURL"`
	Seen time.Time `json:"Last_Heartbeat_Update"`
}

func main() {
	config := kit.Load("/config.json")
	d := &discovery{registrations: map[string]kit.Registration{}, subscriptions: map[string]*kit.Subscription{},
		brokers: map[string]*broker{}}
	// the window is the product: without the key it is nothing, and every broker is forgotten within a second
	go d.forgetBrokers(time.Duration(config.Broker.Heartbeat*6) * time.Second)
	kit.Serve(config.Discovery.Port, d.routes())
}

func (d *discovery) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ngsi9/status", func(w http.ResponseWriter, _ *http.Request) { kit.Reply(w, 200, "ok") })
	mux.HandleFunc("GET /etype", d.types)
	mux.HandleFunc("POST /ngsi9/registerContext", d.register)
	mux.HandleFunc("POST /ngsi9/discoverContextAvailability", d.discover)
	mux.HandleFunc("GET /ngsi9/registration/{id}", d.registration)
	mux.HandleFunc("DELETE /ngsi9/registration/{id}", d.deregister)
	mux.HandleFunc("DELETE /ngsi9/registration/{$}", d.deregister) // what was registered without an id
	mux.HandleFunc("POST /ngsi9/subscribeContextAvailability", d.subscribe)
	mux.HandleFunc("POST /ngsi9/UpdateLDContextAvailability/{sid}", d.restore)
	mux.HandleFunc("POST /ngsi9/unsubscribeContextAvailability", d.unsubscribe)
	mux.HandleFunc("GET /ngsi9/subscription", d.list)
	mux.HandleFunc("GET /ngsi9/subscription/{sid}", func(http.ResponseWriter, *http.Request) {
		log.Print("fatal error: sync: RUnlock of unlocked RWMutex") // what one such request does to the original
		os.Exit(2)
	})
	mux.HandleFunc("POST /ngsi9/broker/heartbeat", d.heartbeat)
	mux.HandleFunc("GET /ngsi9/broker", d.listBrokers)
	return kit.REST(mux)
}

type registerRequest struct {
	Registrations []struct {
		Entities    []kit.EntityId   `json:"entities"`
		Attributes  []kit.Registered `json:"attributes"`
		Metadata    []kit.Metadata   `json:"contextMetadata"`
		Application string           `json:"providingApplication"`
	} `json:"contextRegistrations"`
	Duration string `json:"duration"`
	ID       string `json:"registrationId"`
}

// register replaces the attributes of what is known and merges its metadata. A duration of 0 changes nothing about that.
func (d *discovery) register(w http.ResponseWriter, r *http.Request) {
	var request registerRequest
	if !kit.Read(w, r, &request) {
		return
	}
	if request.ID == "" {
		request.ID = kit.NewID()
	}
	for _, each := range request.Registrations {
		for _, entity := range each.Entities {
			d.mutex.Lock()
			known := kit.Registration{ID: entity.ID, Type: entity.Type, Attributes: map[string]kit.Registered{},
				Metadata: map[string]kit.Metadata{}, Application: each.Application}
			maps.Copy(known.Metadata, d.registrations[entity.ID].Metadata)
			for _, attribute := range each.Attributes {
				known.Attributes[attribute.Name] = attribute
			}
			for _, metadata := range each.Metadata {
				known.Metadata[metadata.Name] = metadata
			}
			d.registrations[entity.ID] = known
			d.mutex.Unlock()
			d.announce(known, kit.Updated)
		}
	}
	kit.Reply(w, 200, struct {
		Duration string   `json:"duration,omitempty"`
		ID       string   `json:"registrationId"`
		Code     kit.Code `json:"errorCode"`
	}{request.Duration, request.ID, kit.OK})
}

func (d *discovery) deregister(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	d.mutex.Lock()
	known, ok := d.registrations[id]
	delete(d.registrations, id)
	if known.Type == "IoTBroker" {
		delete(d.brokers, id)
	}
	d.mutex.Unlock()
	if ok {
		d.announce(known, kit.Deleted)
	}
	kit.Nothing(w, 200)
}

func wants(query kit.Query, known kit.Registration) bool {
	for _, name := range query.Attributes {
		if _, has := known.Attributes[name]; !has {
			return false
		}
	}
	return query.Wants(kit.EntityId{ID: known.ID, Type: known.Type}) && query.Restriction.Allows(known.Metadata)
}

// find is called with the lock held; the answer has one entry for each provider.
func (d *discovery) find(query kit.Query) []kit.Provided {
	var matching []kit.Registration
	for _, known := range d.registrations {
		if wants(query, known) {
			matching = append(matching, known)
		}
	}
	return byProvider(matching)
}

func byProvider(registrations []kit.Registration) []kit.Provided {
	var list []kit.Provided
	for _, known := range registrations {
		at := slices.IndexFunc(list, func(p kit.Provided) bool { return p.Registration.Application == known.Application })
		if at < 0 {
			at = len(list)
			list = append(list, kit.Provided{Code: kit.OK})
			list[at].Registration.Application = known.Application
		}
		entity := kit.EntityId{ID: known.ID, Type: known.Type}
		list[at].Registration.Entities = append(list[at].Registration.Entities, entity)
	}
	return list
}

func (d *discovery) discover(w http.ResponseWriter, r *http.Request) {
	var query kit.Query
	if !kit.Read(w, r, &query) {
		return
	}
	d.mutex.Lock()
	found := d.find(query)
	d.mutex.Unlock()
	kit.Reply(w, 200, struct {
		Responses []kit.Provided `json:"contextRegistrationResponses,omitempty"`
		Code      kit.Code       `json:"errorCode"`
	}{found, kit.OK})
}

func (d *discovery) registration(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if found, ok := d.registrations[r.PathValue("id")]; ok {
		kit.Reply(w, 200, found)
		return
	}
	kit.Reply(w, 200, nil)
}

func (d *discovery) types(w http.ResponseWriter, _ *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	seen := map[string]bool{}
	for _, known := range d.registrations {
		seen[known.Type] = true
	}
	kit.Reply(w, 200, slices.Sorted(maps.Keys(seen)))
}

func (d *discovery) heartbeat(w http.ResponseWriter, r *http.Request) {
	seen := &broker{}
	if !kit.Read(w, r, seen) {
		return
	}
	seen.Seen = time.Now().UTC()
	d.mutex.Lock()
	d.brokers[seen.ID] = seen
	d.mutex.Unlock()
	kit.Reply(w, 200, map[string]any{"contextResponses": nil})
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
