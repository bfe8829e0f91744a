package kit

import (
	"crypto/rand"
	"fmt"
	"regexp"
)

// EntityID names an entity, or with IsPattern a set of them.
type EntityID struct {
	ID        string `json:"id"`
	Type      string `json:"type,omitempty"`
	IsPattern bool   `json:"isPattern,omitempty"`
}

// Matches tells whether an entity is one of those that the pattern names. No id with isPattern means all of the type.
func (e EntityID) Matches(other EntityID) bool {
	if e.Type != "" && e.Type != other.Type {
		return false
	}
	if !e.IsPattern {
		return e.ID == other.ID || e.ID == ""
	}
	if e.ID == "" {
		return true
	}
	matched, err := regexp.MatchString("^"+e.ID+"$", other.ID)
	return err == nil && matched
}

// Element is one entity with its values.
type Element struct {
	Entity     EntityID         `json:"entityId"`
	Attributes []map[string]any `json:"attributes,omitempty"`
	Metadata   []map[string]any `json:"domainMetadata,omitempty"`
}

// Code is NGSI's way to say how it went.
type Code struct {
	Code   int    `json:"code"`
	Reason string `json:"reasonPhrase,omitempty"`
}

// OK is a good Code.
var OK = Code{200, "OK"}

// ElementResponse is one element of an answer or a notification.
type ElementResponse struct {
	Element Element `json:"contextElement"`
	Status  Code    `json:"statusCode"`
}

// Registration is what discovery knows of an entity: who provides it.
type Registration struct {
	ID          string           `json:"ID"`
	Type        string           `json:"Type"`
	Attributes  []map[string]any `json:"AttributesList"`
	Metadata    []map[string]any `json:"MetadataList"`
	Application string           `json:"ProvidingApplication"`
}

// Subscription is one of the broker (reference = who is notified) or of discovery (availability).
type Subscription struct {
	ID          string         `json:"subscriptionId,omitempty"`
	Entities    []EntityID     `json:"entities"`
	Attributes  []string       `json:"attributes,omitempty"`
	Reference   string         `json:"reference"`
	Restriction map[string]any `json:"restriction,omitempty"`
	Subscriber  Subscriber     `json:"Subscriber"`
}

// Subscriber is what the headers of a subscription said.
type Subscriber struct {
	Correlator         string `json:"Correlator"`
	RequireReliability bool   `json:"RequireReliability"`
	Destination        string `json:"Destination"`
	IsInternal         bool   `json:"IsInternal"` // another broker's, for its own subscribers
}

// Wants tells whether the subscription is about this entity.
func (s *Subscription) Wants(entity EntityID) bool {
	for _, each := range s.Entities {
		if each.Matches(entity) {
			return true
		}
	}
	return false
}

// NewID makes a random identifier.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}
