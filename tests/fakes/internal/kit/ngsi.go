package kit

import (
	"crypto/rand"
	"fmt"
	"regexp"
)

// EntityId names an entity, or with IsPattern a set of them. It is spelled as in the original, whose errors name it.
type EntityId struct {
	Type      string `json:"type,omitempty"`
	IsPattern bool   `json:"isPattern,omitempty"`
	ID        string `json:"id"`
}

// Matches tells whether an entity is one of those that this names. With isPattern id and type are regular expressions that may
// match anywhere, and empty ones match everything; without it both are exact, and without an id nothing is found.
func (e EntityId) Matches(other EntityId) bool {
	if e.IsPattern {
		return found(e.ID, other.ID) && found(e.Type, other.Type)
	}
	return e.ID != "" && e.ID == other.ID && (e.Type == "" || e.Type == other.Type)
}

func found(pattern, in string) bool {
	matched, err := regexp.MatchString(pattern, in)
	return err == nil && matched
}

// Metadata is a named value about an attribute or an entity.
type Metadata struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// Attribute is one value of an entity.
type Attribute struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"`
	Value    any        `json:"value"`
	Metadata []Metadata `json:"metadata,omitempty"`
}

// Element is one entity with its values. In Orion's flat form (id, type, isPattern beside the attributes) it has no entityId.
type Element struct {
	ID         string      `json:"id,omitempty"`
	Type       string      `json:"type,omitempty"`
	IsPattern  string      `json:"isPattern,omitempty"`
	Entity     EntityId    `json:"entityId,omitzero"`
	Attributes []Attribute `json:"attributes,omitempty"`
	Metadata   []Metadata  `json:"domainMetadata,omitempty"`
}

// Code is NGSI's way to say how it went.
type Code struct {
	Code    int    `json:"code"`
	Reason  string `json:"reasonPhrase,omitempty"`
	Details string `json:"details,omitempty"`
}

// OK is a good Code.
var OK = Code{Code: 200, Reason: "OK"}

// Response wraps a Code as the answer to a notification.
type Response struct {
	Code Code `json:"responseCode"`
}

// ElementResponse is one element of an answer or a notification.
type ElementResponse struct {
	Element Element `json:"contextElement"`
	Status  Code    `json:"statusCode"`
}

// Registered is an attribute as discovery knows it: without its value.
type Registered struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	IsDomain bool   `json:"isDomain"`
}

// Registration is what discovery knows of an entity: who provides it.
type Registration struct {
	ID          string                `json:"ID"`
	Type        string                `json:"Type"`
	Attributes  map[string]Registered `json:"AttributesList"`
	Metadata    map[string]Metadata   `json:"MetadataList"`
	Application string                `json:"ProvidingApplication"`
}

// Provided is one provider's entities in an answer of discovery.
type Provided struct {
	Registration struct {
		Entities    []EntityId `json:"entities"`
		Application string     `json:"providingApplication"`
	} `json:"contextRegistration"`
	Code Code `json:"errorCode"`
}

// Availability is discovery's notification: the code says why it comes.
type Availability struct {
	ID        string     `json:"subscribeId"`
	Responses []Provided `json:"contextRegistrationResponses,omitempty"`
	Code      Code       `json:"errorCode"`
}

// Why discovery notifies.
const (
	Created = 201 // what was there when somebody subscribed
	Updated = 301 // any registration, of new entities too
	Deleted = 410
)

// Subscription is one of the broker (reference = who is notified) or of discovery (availability).
type Subscription struct {
	Entities    []EntityId  `json:"entities"`
	Attributes  []string    `json:"attributes,omitempty"`
	Reference   string      `json:"reference"`
	Restriction Restriction `json:"restriction"`
	ID          string      `json:"subscriptionId,omitempty"`
	Subscriber  *Subscriber `json:"Subscriber,omitempty"`
}

// Subscriber is what the headers of a subscription said.
type Subscriber struct {
	IsInternal         bool      `json:"IsInternal"` // another broker's, for its own subscribers
	RequireReliability bool      `json:"RequireReliability"`
	BrokerURL          string    `json:"BrokerURL"`
	NotifyCache        []Element `json:"NotifyCache"`
	DestinationType    string    `json:"DestinationType"`
	Tenant             string    `json:"Tenant"`
	Correlator         string    `json:"Correlator"`
}

// Query asks for entities.
type Query struct {
	Entities    []EntityId  `json:"entities"`
	Attributes  []string    `json:"attributes,omitempty"`
	Restriction Restriction `json:"restriction"`
}

// Wants tells whether the query is about this entity.
func (q Query) Wants(entity EntityId) bool {
	for _, each := range q.Entities {
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
