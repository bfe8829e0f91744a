package main

import (
	"log"
	"maps"
	"net/http"
	"slices"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

// How brokers call themselves to each other: what they ask is answered out of what one has, and not passed on.
const agent = "lightweight-iot-broker"

func fromBroker(r *http.Request) bool { return r.Header.Get("User-Agent") == agent }

func toBroker(url string, body, into any) error {
	_, err := kit.Call("POST", url, map[string]string{"User-Agent": agent, "Require-Reliability": "true"}, body, into)
	if err != nil {
		log.Printf("%s: %v", url, err) // the client hears nothing of it
	}
	return err
}

type queryAnswer struct {
	Responses []kit.ElementResponse `json:"contextResponses,omitempty"`
	Code      kit.Code              `json:"errorCode"`
}

// query asks discovery first: what it has forgotten cannot be read.
func (b *broker) query(w http.ResponseWriter, r *http.Request) {
	var request kit.Query
	if !kit.Read(w, r, &request) {
		return
	}
	answer := queryAnswer{Code: kit.OK}
	if fromBroker(r) {
		answer.Responses = responses(b.own(request.Entities), kit.Code{Code: 200})
		kit.Reply(w, 200, answer)
		return
	}
	var found kit.Availability
	if _, err := kit.Call("POST", b.discovery+"/discoverContextAvailability", nil, request, &found); err != nil {
		log.Printf("no discovery: %v", err)
	}
	for _, each := range found.Responses {
		if provided := each.Registration; provided.Application == b.url {
			elements := chosen(b.own(provided.Entities), request.Attributes)
			answer.Responses = append(answer.Responses, responses(elements, kit.Code{Code: 200})...)
		} else {
			var theirs queryAnswer
			_ = toBroker(provided.Application+"/queryContext", kit.Query{Entities: provided.Entities}, &theirs)
			answer.Responses = append(answer.Responses, theirs.Responses...)
		}
	}
	kit.Reply(w, 200, answer)
}

// own are those of the entities that this broker has, by their ids alone.
func (b *broker) own(entities []kit.EntityId) []kit.Element {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	var known []kit.Element
	for _, entity := range entities {
		if element, ok := b.entities[entity.ID]; ok {
			known = append(known, element)
		}
	}
	return known
}

func responses(elements []kit.Element, status kit.Code) []kit.ElementResponse {
	var list []kit.ElementResponse
	for _, element := range elements {
		list = append(list, kit.ElementResponse{Element: element, Status: status})
	}
	return list
}

// chosen leaves only these attributes; all when none is named.
func chosen(elements []kit.Element, attributes []string) []kit.Element {
	if len(attributes) == 0 {
		return elements
	}
	var list []kit.Element
	for _, element := range elements {
		var kept []kit.Attribute
		for _, each := range element.Attributes {
			if slices.Contains(attributes, each.Name) {
				kept = append(kept, each)
			}
		}
		element.Attributes = kept
		list = append(list, element)
	}
	return list
}

func (b *broker) listEntities(w http.ResponseWriter, _ *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	all := slices.Collect(maps.Values(b.entities))
	if all == nil {
		all = []kit.Element{}
	}
	kit.Reply(w, 200, all)
}

func (b *broker) entity(w http.ResponseWriter, r *http.Request) {
	if found := b.own([]kit.EntityId{{ID: r.PathValue("id")}}); len(found) > 0 {
		kit.Reply(w, 200, found[0])
		return
	}
	kit.Nothing(w, 404)
}

func (b *broker) attribute(w http.ResponseWriter, r *http.Request) {
	for _, element := range chosen(b.own([]kit.EntityId{{ID: r.PathValue("id")}}), []string{r.PathValue("attribute")}) {
		for _, each := range element.Attributes {
			kit.Reply(w, 200, each)
			return
		}
	}
	kit.Nothing(w, 404)
}

// listSubscriptions shows what it subscribed at other brokers among those that it serves.
func (b *broker) listSubscriptions(w http.ResponseWriter, _ *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	all := maps.Clone(b.links)
	for id, each := range b.subscriptions {
		all[id] = &each.Subscription
	}
	kit.Reply(w, 200, all)
}

func (b *broker) subscription(w http.ResponseWriter, r *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if s, ok := b.subscriptions[r.PathValue("sid")]; ok {
		kit.Reply(w, 200, s.Subscription)
		return
	}
	kit.Nothing(w, 404)
}
