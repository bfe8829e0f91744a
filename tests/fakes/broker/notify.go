package main

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

// passing is how long a broker takes for what another one notified. Two brokers that notify each other of the same entity never
// stop; without it they would take both cores of a small machine for that.
const passing = 10 * time.Millisecond

// tell notifies whoever hears of the entity, but not the one from whom the update came.
func (b *broker) tell(element kit.Element, correlator string) {
	if b.load.loses(element) {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, id := range b.told[element.Entity.ID] {
		if s := b.subscriptions[id]; s != nil && (correlator == "" || s.Subscriber.Correlator != correlator) {
			go b.deliver(s, []kit.Element{element})
		}
	}
}

// notified hears of an entity at another broker, and tells all who hear of it here, other brokers too.
func (b *broker) notified(w http.ResponseWriter, r *http.Request) {
	var notice struct {
		Responses []kit.ElementResponse `json:"contextResponses"`
	}
	if !kit.Read(w, r, &notice) {
		return
	}
	go func() {
		time.Sleep(passing)
		for _, each := range notice.Responses {
			b.tell(each.Element, "")
		}
	}()
	kit.Reply(w, 200, kit.Response{})
}

// deliver counts any HTTP status as delivered. What could not be connected is kept when the subscriber asked for that: as many
// copies as there were elements of the last of them, which is the oldest. The newest value is lost, as in the original.
func (b *broker) deliver(s *subscription, elements []kit.Element) {
	b.mutex.Lock()
	elements = append(slices.Clone(elements), s.Subscriber.NotifyCache...)
	if s.Subscriber.RequireReliability {
		s.Subscriber.NotifyCache = []kit.Element{}
	}
	b.mutex.Unlock()
	err := send(s, chosen(elements, s.Attributes))
	if err == nil || !s.Subscriber.RequireReliability {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for range elements {
		s.Subscriber.NotifyCache = append(s.Subscriber.NotifyCache, elements[len(elements)-1])
	}
}

// retry sends what was kept, one subscription after the other: one that does not answer holds up all that follow.
func (b *broker) retry() {
	b.mutex.Lock()
	var waiting []*subscription
	for _, s := range b.subscriptions {
		if len(s.Subscriber.NotifyCache) > 0 {
			waiting = append(waiting, s)
		}
	}
	b.mutex.Unlock()
	for _, s := range waiting {
		b.deliver(s, nil)
	}
}

// send speaks the protocol that the subscriber asked for.
func send(s *subscription, elements []kit.Element) error {
	url, headers := s.Reference+"/notifyContext", map[string]string{}
	var body any = struct {
		ID         string                `json:"subscriptionId"`
		Originator string                `json:"originator"`
		Responses  []kit.ElementResponse `json:"contextResponses,omitempty"`
	}{s.id, "", responses(elements, kit.OK)}
	switch s.Subscriber.DestinationType {
	case "NGSI-LD":
		url = s.Reference + "/ngsi-ld/v1/entityOperations/upsert"
		headers = map[string]string{"Link": coreContext, "NGSILD-Tenant": s.Subscriber.Tenant}
		body = each(elements, inLD)
	case "NGSIv2":
		url = s.Reference
		body = map[string]any{"subscriptionId": s.id, "data": each(elements, inV2)}
	}
	_, err := kit.Call("POST", url, headers, body, nil)
	return err
}

func each(elements []kit.Element, form func(kit.Element) map[string]any) []map[string]any {
	list := []map[string]any{}
	for _, element := range elements {
		list = append(list, form(element))
	}
	return list
}

const coreContext = `<https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.3.jsonld>; ` +
	`rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"`

func inV2(element kit.Element) map[string]any {
	entity := map[string]any{"id": element.Entity.ID, "type": element.Entity.Type}
	for _, a := range element.Attributes {
		value := map[string]any{"type": a.Type, "value": a.Value}
		about := map[string]any{}
		for _, m := range a.Metadata {
			about[m.Name] = map[string]any{"type": m.Type, "value": m.Value}
		}
		if len(about) > 0 {
			value["metadata"] = about
		}
		entity[a.Name] = value
	}
	for _, m := range element.Metadata {
		entity[m.Name] = map[string]any{"type": m.Type, "value": m.Value}
	}
	return entity
}

func inLD(element kit.Element) map[string]any {
	entity := map[string]any{"id": element.Entity.ID, "type": element.Entity.Type}
	if !strings.HasPrefix(element.Entity.ID, "urn:") {
		entity["id"] = "urn:" + element.Entity.ID
	}
	for _, a := range element.Attributes {
		switch strings.ToLower(a.Type) {
		case "relationship":
			entity[a.Name] = map[string]any{"type": "Relationship", "object": a.Value}
		case "datetime":
			entity[a.Name] = map[string]any{"type": "Property", "value": map[string]any{"@type": "datetime", "@value": a.Value}}
		default:
			entity[a.Name] = map[string]any{"type": "Property", "value": a.Value}
		}
	}
	for _, m := range element.Metadata {
		entity[m.Name] = map[string]any{"type": "Property", "value": m.Value}
		if point, ok := m.Value.(map[string]any); ok && m.Type == "point" {
			at := map[string]any{"type": "Point", "coordinates": []any{point["longitude"], point["latitude"]}}
			entity[m.Name] = map[string]any{"type": "GeoProperty", "value": at}
		}
	}
	return entity
}
