package kit

import (
	"encoding/json"
	"math"
	"strings"
)

// Restriction narrows a query by where an entity is, or by its metadata.
type Restriction struct {
	Scopes []Scope `json:"scopes,omitempty"`
}

// Scope is one condition.
type Scope struct {
	Type  string          `json:"scopeType"`
	Value json.RawMessage `json:"scopeValue"`
}

// Allows tells whether an entity with this metadata is inside. Kinds of scope that are not imitated exclude nothing, and so
// does a location that is no point.
func (r Restriction) Allows(metadata map[string]Metadata) bool {
	for _, scope := range r.Scopes {
		if scope.Type == "circle" && !scope.around(metadata["location"]) {
			return false
		}
		if scope.Type == "stringQuery" && !scope.says(metadata) {
			return false
		}
	}
	return true
}

func (s Scope) around(location Metadata) bool {
	var circle struct {
		Latitude  float64 `json:"centerLatitude"`
		Longitude float64 `json:"centerLongitude"`
		Radius    float64 `json:"radius"`
	}
	point, isPoint := location.Value.(map[string]any)
	if location.Type != "point" || !isPoint || json.Unmarshal(s.Value, &circle) != nil {
		return true
	}
	latitude, _ := point["latitude"].(float64)
	longitude, _ := point["longitude"].(float64)
	const degree = math.Pi / 180
	a := math.Pow(math.Sin((latitude-circle.Latitude)*degree/2), 2) +
		math.Cos(latitude*degree)*math.Cos(circle.Latitude*degree)*math.Pow(math.Sin((longitude-circle.Longitude)*degree/2), 2)
	return 2*6371000*math.Asin(math.Sqrt(a)) <= circle.Radius
}

func (s Scope) says(metadata map[string]Metadata) bool {
	var query string
	if json.Unmarshal(s.Value, &query) != nil {
		return true
	}
	name, value, _ := strings.Cut(query, "=")
	return metadata[name].Value == value
}
