// Fake of FogFlow's thin broker (NGSI10): entities and subscriptions, in memory only. Its port opens when discovery has
// answered, not before.
package main

import (
	"fmt"
	"log"
	"net/http"
	"sync"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

const retryEvery = 2 * time.Second

type broker struct {
	id, url, discovery string // url with /ngsi10, as the original names itself everywhere
	mutex              sync.Mutex
	entities           map[string]kit.Element
	subscriptions      map[string]*subscription
	links              map[string]*kit.Subscription // what we subscribed at other brokers, by the id it has there
	told               map[string][]string          // the ids of the subscriptions that hear of an entity, by its id
	availabilities     map[string]string            // our subscription, by the id that its twin has at discovery
	subscribing        sync.Mutex                   // held until the answer of discovery is noted: its notification may be faster
	load               load                         // what tests of `bench` ask for
}

type subscription struct {
	kit.Subscription
	id, availability string
}

func main() {
	c := kit.Load("/config.json")
	id := "Broker." + c.SiteID
	if *kit.Instance != "0" {
		id += "." + *kit.Instance
	}
	b := &broker{id: id, url: fmt.Sprintf("http://%s:%d/ngsi10", c.MyHostIP, c.Broker.Port),
		discovery: fmt.Sprintf("http://%s:%d/ngsi9", c.Discovery.HostIP, c.Discovery.Port),
		entities:  map[string]kit.Element{}, subscriptions: map[string]*subscription{},
		links: map[string]*kit.Subscription{}, told: map[string][]string{}, availabilities: map[string]string{}}
	for !b.beat() {
		time.Sleep(retryEvery)
	}
	b.register(kit.EntityId{ID: id, Type: "IoTBroker"}, kit.Element{Metadata: []kit.Metadata{
		{Name: "location", Type: "point", Value: map[string]float64{"latitude": 0, "longitude": 0}}}})
	go b.timer(max(c.Broker.Heartbeat, 1))
	kit.Serve(c.Broker.Port, b.load.before(b.routes()))
}

// timer is one goroutine for both: the heartbeat waits for the retries of what could not be delivered, as in the original.
func (b *broker) timer(passes int) {
	pass := 0
	for range time.Tick(retryEvery) {
		b.retry()
		if pass++; pass%passes == 0 {
			b.beat()
		}
	}
}

func (b *broker) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		kit.Reply(w, 200, map[string]string{"version": "3.0", "date": "2021-01-31"})
	})
	mux.HandleFunc("POST /ngsi10/updateContext", b.update)
	mux.HandleFunc("POST /ngsi10/queryContext", b.query)
	mux.HandleFunc("POST /ngsi10/subscribeContext", b.subscribe)
	mux.HandleFunc("POST /ngsi10/unsubscribeContext", b.unsubscribe)
	mux.HandleFunc("GET /ngsi10/entity", b.listEntities)
	mux.HandleFunc("GET /ngsi10/entity/{id}", b.entity)
	mux.HandleFunc("GET /ngsi10/entity/{id}/{attribute}", b.attribute)
	mux.HandleFunc("DELETE /ngsi10/entity/{id}", func(w http.ResponseWriter, r *http.Request) {
		b.remove(r.PathValue("id")) // and out of discovery, whoever has it
		kit.Nothing(w, 200)
	})
	mux.HandleFunc("GET /ngsi10/subscription", b.listSubscriptions)
	mux.HandleFunc("GET /ngsi10/subscription/{sid}", b.subscription)
	mux.HandleFunc("DELETE /ngsi10/subscription/{sid}", func(w http.ResponseWriter, r *http.Request) {
		b.end(r.PathValue("sid"))
		kit.Nothing(w, 200)
	})
	mux.HandleFunc("POST /ngsi10/notifyContext", b.notified)
	mux.HandleFunc("POST /ngsi10/notifyContextAvailability", b.available)
	b.routesLD(mux)
	return kit.REST(mux)
}

func (b *broker) beat() bool {
	_, err := kit.Call("POST", b.discovery+"/broker/heartbeat", nil, map[string]string{"id": b.id, "myURL": b.url}, nil)
	if err != nil {
		log.Printf("no discovery: %v", err)
	}
	return err == nil
}
