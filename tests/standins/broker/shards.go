package main

import (
	"log"
	"net/http"

	"fogflow-k8s.invalid/standins/internal/kit"
)

// How brokers call themselves to each other: what they ask is answered out of what one has, and not passed on.
const agent = "lightweight-iot-broker"

func fromBroker(r *http.Request) bool { return r.Header.Get("User-Agent") == agent }

func toBroker(url string, body, into any) error {
	_, err := kit.Call("POST", url, map[string]string{"User-Agent": agent}, body, into)
	if err != nil {
		log.Printf("%s: %v", url, err) // the client hears nothing of it
	}
	return err
}

// ownerElsewhere is the address of the broker that discovery knows to have an entity; empty when it is this one, or nobody.
func (b *broker) ownerElsewhere(id string) string {
	b.mutex.Lock()
	_, mine := b.entities[id]
	b.mutex.Unlock()
	if mine {
		return ""
	}
	var known kit.Registration
	status, err := kit.Call("GET", b.discovery+"/ngsi9/registration/"+id, nil, nil, &known)
	if err != nil || status != 200 || known.Application == b.url+"/ngsi10" {
		return ""
	}
	return known.Application
}

func (b *broker) forward(owner string, element kit.Element, action string) {
	_ = toBroker(owner+"/updateContext", map[string]any{"contextElements": []kit.Element{element}, "updateAction": action}, nil)
}

// own are those of the entities that this broker has.
func (b *broker) own(entities []kit.EntityID) []kit.ElementResponse {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	responses := []kit.ElementResponse{}
	for _, entity := range entities {
		if element, ok := b.entities[entity.ID]; ok {
			responses = append(responses, kit.ElementResponse{Element: element, Status: kit.OK})
		}
	}
	return responses
}

func fetch(provider string, entities []kit.EntityID) []kit.ElementResponse {
	var found struct {
		Responses []kit.ElementResponse `json:"contextResponses"`
	}
	_ = toBroker(provider+"/queryContext", map[string]any{"entities": entities}, &found)
	return found.Responses
}

// available hears from discovery of an entity that somebody subscribed to here; at another broker it is subscribed there.
func (b *broker) available(w http.ResponseWriter, r *http.Request) {
	var notice struct {
		ID       string       `json:"subscriptionId"`
		Action   string       `json:"action"`
		Entity   kit.EntityID `json:"entity"`
		Provider string       `json:"provider"`
	}
	if !kit.Read(w, r, &notice) {
		return
	}
	kit.Reply(w, 200, kit.OK)
	b.mutex.Lock()
	_, known := b.subscriptions[notice.ID]
	b.mutex.Unlock()
	if !known || notice.Action == "DELETE" || notice.Provider == b.url+"/ngsi10" {
		return
	}
	link := &kit.Subscription{Entities: []kit.EntityID{notice.Entity}, Reference: b.url + "/ngsi10"}
	var answer struct {
		Response struct {
			ID string `json:"subscriptionId"`
		} `json:"subscribeResponse"`
	}
	if toBroker(notice.Provider+"/subscribeContext", link, &answer) == nil {
		b.mutex.Lock()
		b.links[answer.Response.ID] = link
		b.mutex.Unlock()
	}
}

// notified hears of an entity at another broker, and tells its own subscribers.
func (b *broker) notified(w http.ResponseWriter, r *http.Request) {
	var notice struct {
		Responses []kit.ElementResponse `json:"contextResponses"`
	}
	if !kit.Read(w, r, &notice) {
		return
	}
	kit.Reply(w, 200, kit.OK)
	for _, each := range notice.Responses {
		b.tell(each.Element, "")
	}
}

// deleteEntity takes it out of here and out of discovery, whoever has it.
func (b *broker) deleteEntity(w http.ResponseWriter, r *http.Request) {
	b.remove(kit.EntityID{ID: r.PathValue("id")})
	kit.Reply(w, 200, kit.OK)
}
