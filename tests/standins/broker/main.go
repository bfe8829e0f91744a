// Stand-in of FogFlow's thin broker (NGSI10): entities and subscriptions, in memory only. Its port opens when discovery has
// answered, not before.
package main

import (
	"fmt"
	"log"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"fogflow-k8s.invalid/standins/internal/kit"
)

type broker struct {
	id, url, discovery string
	mutex              sync.Mutex
	entities           map[string]kit.Element
	subscriptions      map[string]*kit.Subscription
	links              map[string]*kit.Subscription // what we subscribed at other brokers, by the id it has there
	undelivered        []delivery
}

type delivery struct {
	subscription *kit.Subscription
	elements     []kit.Element
}

func main() {
	c := kit.Load("/config.json")
	id := "Broker." + c.SiteID
	if *kit.Instance != "0" {
		id += "." + *kit.Instance
	}
	b := &broker{id: id, url: fmt.Sprintf("http://%s:%d", c.MyHostIP, c.Broker.Port),
		discovery: fmt.Sprintf("http://%s:%d", c.Discovery.HostIP, c.Discovery.Port),
		entities:  map[string]kit.Element{}, subscriptions: map[string]*kit.Subscription{}, links: map[string]*kit.Subscription{}}
	for !b.beat() {
		time.Sleep(2 * time.Second)
	}
	go func() {
		for range time.Tick(time.Duration(max(c.Broker.Heartbeat, 1)) * time.Second) {
			b.beat()
		}
	}()
	go func() {
		for range time.Tick(2 * time.Second) {
			b.retry()
		}
	}()
	kit.Serve(c.Broker.Port, b.routes())
}

func (b *broker) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { kit.Reply(w, 200, "stand-in") })
	mux.HandleFunc("POST /ngsi10/updateContext", b.update)
	mux.HandleFunc("POST /ngsi10/queryContext", b.query)
	mux.HandleFunc("POST /ngsi10/subscribeContext", b.subscribe)
	mux.HandleFunc("POST /ngsi10/unsubscribeContext", b.unsubscribe)
	mux.HandleFunc("GET /ngsi10/entity", b.listEntities)
	mux.HandleFunc("GET /ngsi10/entity/{id}", b.entity)
	mux.HandleFunc("GET /ngsi10/subscription", b.listSubscriptions)
	mux.HandleFunc("GET /ngsi10/subscription/{sid}", b.subscription)
	mux.HandleFunc("DELETE /ngsi10/entity/{id}", b.deleteEntity)
	mux.HandleFunc("POST /ngsi10/notifyContext", b.notified)
	mux.HandleFunc("POST /ngsi10/notifyContextAvailability", b.available)
	mux.HandleFunc("GET /ngsi-ld/v1/entities", func(w http.ResponseWriter, _ *http.Request) { kit.Reply(w, 200, []string{}) })
	return mux
}

func (b *broker) beat() bool {
	_, err := kit.Call("POST", b.discovery+"/ngsi9/broker", nil, map[string]string{"id": b.id, "providerURL": b.url}, nil)
	if err != nil {
		log.Printf("no discovery: %v", err)
	}
	return err == nil
}

func (b *broker) update(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Elements []kit.Element `json:"contextElements"`
		Action   string        `json:"updateAction"`
	}
	if !kit.Read(w, r, &request) {
		return
	}
	action := strings.ToUpper(request.Action)
	for _, element := range request.Elements {
		owner := ""
		if !fromBroker(r) {
			owner = b.ownerElsewhere(element.Entity.ID)
		}
		switch {
		case owner != "":
			b.forward(owner, element, action)
		case action == "DELETE":
			b.remove(element.Entity)
		case fromBroker(r) && action == "APPEND": // answered with 200, and lost
		default:
			b.put(element, r.Header.Get("Fiware-Correlator"))
		}
	}
	kit.Reply(w, 200, map[string]any{"errorCode": kit.OK, "contextResponses": []any{}})
}

func (b *broker) put(element kit.Element, correlator string) {
	b.mutex.Lock()
	_, known := b.entities[element.Entity.ID]
	b.entities[element.Entity.ID] = element
	b.mutex.Unlock()
	if !known {
		b.register(element)
	}
	b.tell(element, correlator)
}

func (b *broker) remove(entity kit.EntityID) {
	b.mutex.Lock()
	delete(b.entities, entity.ID)
	b.mutex.Unlock()
	_, _ = kit.Call("POST", b.discovery+"/ngsi9/unregisterContext", nil, entity, nil)
}

func (b *broker) register(element kit.Element) {
	body := map[string]any{"contextRegistrations": []map[string]any{{
		"entities": []kit.EntityID{element.Entity}, "contextMetadata": element.Metadata, "providingApplication": b.url + "/ngsi10"}}}
	if _, err := kit.Call("POST", b.discovery+"/ngsi9/registerContext", nil, body, nil); err != nil {
		log.Printf("%s is not registered: %v", element.Entity.ID, err) // and nobody will try again
	}
}

// tell notifies whoever subscribed, but not the one from whom the update came.
func (b *broker) tell(element kit.Element, correlator string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, s := range b.subscriptions {
		if s.Wants(element.Entity) && (correlator == "" || s.Subscriber.Correlator != correlator) {
			go b.deliver(delivery{s, []kit.Element{element}})
		}
	}
}

// deliver counts any HTTP status as delivered; what could not be connected is kept when the subscriber asked for that.
func (b *broker) deliver(d delivery) {
	responses := []kit.ElementResponse{}
	for _, element := range d.elements {
		responses = append(responses, kit.ElementResponse{Element: element, Status: kit.OK})
	}
	body := map[string]any{"subscriptionId": d.subscription.ID, "originator": "", "contextResponses": responses}
	_, err := kit.Call("POST", strings.TrimRight(d.subscription.Reference, "/")+"/notifyContext", nil, body, nil)
	if err != nil && d.subscription.Subscriber.RequireReliability {
		b.mutex.Lock()
		b.undelivered = append(b.undelivered, d)
		b.mutex.Unlock()
	}
}

func (b *broker) retry() {
	b.mutex.Lock()
	again := b.undelivered
	b.undelivered = nil
	b.mutex.Unlock()
	for _, each := range again {
		b.mutex.Lock()
		_, still := b.subscriptions[each.subscription.ID]
		b.mutex.Unlock()
		if still {
			go b.deliver(each)
		}
	}
}

func (b *broker) subscribe(w http.ResponseWriter, r *http.Request) {
	s := &kit.Subscription{}
	if !kit.Read(w, r, s) {
		return
	}
	s.ID = kit.NewID()
	s.Subscriber = kit.Subscriber{Correlator: r.Header.Get("Fiware-Correlator"), Destination: r.Header.Get("Destination"),
		RequireReliability: r.Header.Get("Require-Reliability") == "true", IsInternal: fromBroker(r)}
	kit.Reply(w, 200, map[string]any{"subscribeResponse": map[string]string{"subscriptionId": s.ID},
		"subscribeError": map[string]any{"subscriptionId": s.ID, "errorCode": map[string]int{"code": 0}}})
	b.mutex.Lock()
	b.subscriptions[s.ID] = s
	var known []kit.Element
	for _, element := range b.entities {
		if s.Wants(element.Entity) {
			known = append(known, element)
		}
	}
	b.mutex.Unlock()
	if len(known) > 0 {
		go b.deliver(delivery{s, known})
	}
	if s.Subscriber.IsInternal {
		return
	}
	// the broker hears of the entities of other brokers through discovery; under the same id, so that nothing has to be matched
	body := kit.Subscription{Entities: s.Entities, Reference: b.url + "/ngsi10"}
	_, _ = kit.Call("POST", b.discovery+"/ngsi9/UpdateLDContextAvailability/"+s.ID, nil, body, nil)
}

func (b *broker) unsubscribe(w http.ResponseWriter, r *http.Request) {
	var request struct {
		ID string `json:"subscriptionId"`
	}
	if !kit.Read(w, r, &request) {
		return
	}
	b.mutex.Lock()
	delete(b.subscriptions, request.ID)
	b.mutex.Unlock()
	kit.Reply(w, 200, map[string]any{"subscriptionId": "", "statusCode": kit.OK})
}

// query asks discovery first: what it has forgotten cannot be read.
func (b *broker) query(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Entities []kit.EntityID `json:"entities"`
	}
	if !kit.Read(w, r, &request) {
		return
	}
	if fromBroker(r) {
		kit.Reply(w, 200, map[string]any{"contextResponses": b.own(request.Entities), "errorCode": kit.OK})
		return
	}
	var found struct {
		Responses []struct {
			Registration struct {
				Entities []kit.EntityID `json:"entities"`
				Provider string         `json:"providingApplication"`
			} `json:"contextRegistration"`
		} `json:"contextRegistrationResponses"`
	}
	if _, err := kit.Call("POST", b.discovery+"/ngsi9/discoverContextAvailability", nil, request, &found); err != nil {
		log.Printf("no discovery: %v", err)
	}
	responses := []kit.ElementResponse{}
	for _, each := range found.Responses {
		if provider := each.Registration.Provider; provider == b.url+"/ngsi10" {
			responses = append(responses, b.own(each.Registration.Entities)...)
		} else {
			responses = append(responses, fetch(provider, each.Registration.Entities)...)
		}
	}
	kit.Reply(w, 200, map[string]any{"contextResponses": responses, "errorCode": kit.OK})
}

func (b *broker) listEntities(w http.ResponseWriter, _ *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	all := []kit.Element{}
	for _, element := range b.entities {
		all = append(all, element)
	}
	kit.Reply(w, 200, all)
}

func (b *broker) entity(w http.ResponseWriter, r *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if element, ok := b.entities[r.PathValue("id")]; ok {
		kit.Reply(w, 200, element)
		return
	}
	kit.Reply(w, 404, map[string]string{"error": "no such entity"})
}

func (b *broker) listSubscriptions(w http.ResponseWriter, _ *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	all := maps.Clone(b.subscriptions)
	maps.Copy(all, b.links)
	kit.Reply(w, 200, all)
}

func (b *broker) subscription(w http.ResponseWriter, r *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if s, ok := b.subscriptions[r.PathValue("sid")]; ok {
		kit.Reply(w, 200, s)
		return
	}
	kit.Reply(w, 404, map[string]string{"error": "no such subscription"})
}
