package main

import (
	"log"
	"net/http"
	"slices"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

type subscribeAnswer struct {
	Response struct {
		ID string `json:"subscriptionId"`
	} `json:"subscribeResponse"`
	Error struct {
		ID   string         `json:"subscriptionId"`
		Code map[string]int `json:"errorCode"`
	} `json:"subscribeError"`
}

func (b *broker) subscribe(w http.ResponseWriter, r *http.Request) {
	s := &subscription{id: kit.NewID()}
	if !kit.Read(w, r, &s.Subscription) {
		return
	}
	s.ID = ""
	s.Subscriber = &kit.Subscriber{IsInternal: fromBroker(r), RequireReliability: r.Header.Get("Require-Reliability") == "true",
		BrokerURL: b.url, DestinationType: r.Header.Get("Destination"), Tenant: r.Header.Get("NGSILD-Tenant"),
		Correlator: r.Header.Get("Fiware-Correlator")}
	if s.Subscriber.RequireReliability {
		s.Subscriber.NotifyCache = []kit.Element{}
	}
	b.mutex.Lock()
	b.subscriptions[s.id] = s
	b.mutex.Unlock()
	if s.Subscriber.IsInternal {
		b.link(s, s.Entities)
		if known := b.own(s.Entities); len(known) > 0 {
			go b.deliver(s, known)
		}
	} else {
		b.ask(s)
	}
	answer := subscribeAnswer{}
	answer.Response.ID, answer.Error.ID, answer.Error.Code = s.id, s.id, map[string]int{"code": 0}
	kit.Reply(w, 200, answer)
}

// ask subscribes at discovery: all that a subscriber ever hears of comes by way of it, the broker's own entities too.
func (b *broker) ask(s *subscription) {
	b.subscribing.Lock()
	defer b.subscribing.Unlock()
	body := kit.Subscription{Entities: s.Entities, Attributes: s.Attributes, Restriction: s.Restriction,
		Reference: b.url + "/notifyContextAvailability"}
	var answer kit.Availability
	if _, err := kit.Call("POST", b.discovery+"/subscribeContextAvailability", nil, body, &answer); err != nil {
		log.Printf("%s hears of nothing: %v", s.id, err) // and nobody will try again
		return
	}
	b.mutex.Lock()
	s.availability = answer.ID
	b.availabilities[answer.ID] = s.id
	b.mutex.Unlock()
}

// link has a subscriber hear of these entities from now on; also of one that was deleted and comes again.
func (b *broker) link(s *subscription, entities []kit.EntityId) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, entity := range entities {
		if !slices.Contains(b.told[entity.ID], s.id) {
			b.told[entity.ID] = append(b.told[entity.ID], s.id)
		}
	}
}

// available hears from discovery of what one of our subscriptions is about.
func (b *broker) available(w http.ResponseWriter, r *http.Request) {
	var notice kit.Availability
	if !kit.Read(w, r, &notice) {
		return
	}
	go b.learn(notice)
	kit.Reply(w, 200, kit.Response{Code: kit.OK})
}

func (b *broker) learn(notice kit.Availability) {
	b.subscribing.Lock() // the answer with this id may still be on its way
	b.mutex.Lock()
	s, known := b.subscriptions[b.availabilities[notice.ID]]
	b.mutex.Unlock()
	b.subscribing.Unlock()
	if !known {
		return
	}
	if notice.Code.Code == kit.Deleted {
		b.deliver(s, nil)
		return
	}
	var elements []kit.Element
	for _, each := range notice.Responses {
		b.link(s, each.Registration.Entities)
		if each.Registration.Application == b.url {
			elements = append(elements, b.own(each.Registration.Entities)...)
		} else {
			b.subscribeAt(each.Registration.Application, each.Registration.Entities)
		}
	}
	if len(elements) > 0 {
		b.deliver(s, elements)
	}
}

// subscribeAt subscribes at the broker that has the entities: once more each time that discovery says so.
func (b *broker) subscribeAt(provider string, entities []kit.EntityId) {
	link := &kit.Subscription{Entities: entities, Reference: b.url, Subscriber: &kit.Subscriber{BrokerURL: provider}}
	var answer subscribeAnswer
	if toBroker(provider+"/subscribeContext", link, &answer) == nil {
		b.mutex.Lock()
		b.links[answer.Response.ID] = link
		b.mutex.Unlock()
	}
}

func (b *broker) unsubscribe(w http.ResponseWriter, r *http.Request) {
	var request struct {
		ID string `json:"subscriptionId"`
	}
	if !kit.Read(w, r, &request) {
		return
	}
	b.end(request.ID)
	kit.Reply(w, 200, map[string]any{"subscriptionId": "", "statusCode": kit.OK})
}

func (b *broker) end(id string) {
	b.mutex.Lock()
	s := b.subscriptions[id]
	delete(b.subscriptions, id)
	for entity, told := range b.told {
		b.told[entity] = slices.DeleteFunc(slices.Clone(told), func(each string) bool { return each == id })
	}
	b.mutex.Unlock()
	if s != nil && s.availability != "" {
		body := map[string]string{"subscriptionId": s.availability}
		_, _ = kit.Call("POST", b.discovery+"/unsubscribeContextAvailability", nil, body, nil)
	}
}
