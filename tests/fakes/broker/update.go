package main

import (
	"log"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

type updateRequest struct {
	Elements   []kit.Element `json:"contextElements"`
	Action     string        `json:"updateAction"`
	Correlator string        `json:"Correlator"`
}

func (b *broker) update(w http.ResponseWriter, r *http.Request) {
	var request updateRequest
	if !kit.Read(w, r, &request) {
		return
	}
	action := strings.ToUpper(request.Action)
	if action == "UPDATE" || action == "APPEND" {
		b.dieOfBatch(request.Elements)
	}
	for _, element := range request.Elements {
		b.apply(element, action, fromBroker(r), r.Header.Get("Fiware-Correlator"))
	}
	if fromBroker(r) {
		kit.Silent(w, r)
		return
	}
	kit.Reply(w, 200, map[string]any{"contextResponses": nil})
}

// dieOfBatch ends the program when somebody hears of one of several elements already. The original starts a goroutine for each
// element, and all of them share the loop's variable.
func (b *broker) dieOfBatch(elements []kit.Element) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, element := range elements {
		if len(elements) > 1 && len(b.told[element.Entity.ID]) > 0 {
			log.Print("panic: runtime error: invalid memory address or nil pointer dereference")
			log.Printf("(an update of %d elements, with a subscriber of %s)", len(elements), element.Entity.ID)
			os.Exit(2)
		}
	}
}

func (b *broker) apply(element kit.Element, action string, internal bool, correlator string) {
	if action != "UPDATE" && action != "APPEND" && action != "DELETE" {
		return
	}
	owner := ""
	if !internal {
		owner = b.ownerElsewhere(element.Entity.ID)
	}
	switch {
	case action == "APPEND" && (internal || owner != ""): // answered with 200, and lost
	case owner != "":
		b.forward(owner, element, action)
	case action == "DELETE":
		b.remove(element.Entity.ID)
	default:
		b.put(element, correlator)
	}
}

// put changes what the element names. Discovery is told of a new entity, a new attribute, and of new or changed metadata.
func (b *broker) put(element kit.Element, correlator string) {
	element.Entity.IsPattern = false
	b.mutex.Lock()
	before, known := b.entities[element.Entity.ID]
	after, news := element, true
	if known {
		after, news = merged(before, element)
	}
	b.entities[element.Entity.ID] = after
	b.mutex.Unlock()
	b.tell(after, correlator) // whoever hears of it already; who does not yet, hears by way of discovery
	if news {
		b.register(after.Entity, element)
	}
}

// merged leaves the element that was there untouched: notifications may still be on their way with it.
func merged(before, change kit.Element) (after kit.Element, news bool) {
	after = before
	after.Attributes, after.Metadata = slices.Clone(before.Attributes), slices.Clone(before.Metadata)
	for _, each := range change.Attributes {
		if i := slices.IndexFunc(after.Attributes, func(a kit.Attribute) bool { return a.Name == each.Name }); i >= 0 {
			after.Attributes[i] = each
		} else {
			after.Attributes, news = append(after.Attributes, each), true
		}
	}
	for _, each := range change.Metadata {
		i := slices.IndexFunc(after.Metadata, func(m kit.Metadata) bool { return m.Name == each.Name })
		switch {
		case i < 0:
			after.Metadata, news = append(after.Metadata, each), true
		case !reflect.DeepEqual(after.Metadata[i], each):
			after.Metadata[i], news = each, true
		}
	}
	return after, news
}

// remove tells the subscribers of the id, of an unknown one too; discovery tells them once more.
func (b *broker) remove(id string) {
	b.mutex.Lock()
	delete(b.entities, id)
	b.mutex.Unlock()
	b.tell(kit.Element{Entity: kit.EntityId{ID: id}}, "")
	_, _ = kit.Call("DELETE", b.discovery+"/registration/"+url.PathEscape(id), nil, nil, nil)
}

// register names the attributes and the metadata of the last update alone.
func (b *broker) register(entity kit.EntityId, element kit.Element) {
	attributes := []kit.Registered{}
	for _, each := range element.Attributes {
		attributes = append(attributes, kit.Registered{Name: each.Name, Type: each.Type})
	}
	body := map[string]any{"contextRegistrations": []map[string]any{{"entities": []kit.EntityId{entity}, "attributes": attributes,
		"contextMetadata": element.Metadata, "providingApplication": b.url}}}
	if _, err := kit.Call("POST", b.discovery+"/registerContext", nil, body, nil); err != nil {
		log.Printf("%s is not registered: %v", entity.ID, err) // and nobody will try again
	}
}

// ownerElsewhere is the address of the broker that discovery knows to have an entity; empty when it is this one, or nobody.
func (b *broker) ownerElsewhere(id string) string {
	b.mutex.Lock()
	_, mine := b.entities[id]
	b.mutex.Unlock()
	if mine || id == "" {
		return ""
	}
	var known kit.Registration
	if _, err := kit.Call("GET", b.discovery+"/registration/"+url.PathEscape(id), nil, nil, &known); err != nil || known.Application == b.url {
		return ""
	}
	return known.Application
}

// forward does not say that a broker asks: the owner takes it for a client's request.
func (b *broker) forward(owner string, element kit.Element, action string) {
	element.Entity.IsPattern = false
	request := updateRequest{Elements: []kit.Element{element}, Action: action}
	if _, err := kit.Call("POST", owner+"/updateContext", nil, request, nil); err != nil {
		log.Printf("%s: %v", owner, err) // the client hears nothing of it
	}
}
