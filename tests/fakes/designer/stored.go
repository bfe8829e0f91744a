package main

import (
	"strings"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

// object is what was posted, with keys that nobody here knows.
type object = map[string]any

// stored is the designer's database.
type stored struct {
	Devices       map[string]object `json:"devices"`
	Subscriptions map[string]object `json:"subscriptions"`
	Operators     map[string]object `json:"operators"`
	Topologies    map[string]object `json:"topologies"`
	Services      map[string]object `json:"services"`
	Intents       map[string]object `json:"serviceintents"`
	Functions     map[string]object `json:"fogfunctions"`
}

func empty() stored {
	return stored{Devices: map[string]object{}, Subscriptions: map[string]object{}, Operators: map[string]object{},
		Topologies: map[string]object{}, Services: map[string]object{}, Intents: map[string]object{}, Functions: map[string]object{}}
}

func text(of object, key string) string {
	value, _ := of[key].(string)
	return value
}

func objects(value any) []object {
	var list []object
	all, _ := value.([]any)
	for _, each := range all {
		if one, ok := each.(object); ok {
			list = append(list, one)
		}
	}
	return list
}

// intentOf is the intent that a function was posted with; one in the short form of these tests has none.
func intentOf(name string, function object) object {
	if intent, ok := function["intent"].(object); ok {
		return intent
	}
	return object{"id": "ServiceIntent." + name, "topology": name, "priority": object{"exclusive": false, "level": 0},
		"qos": "default", "geoscope": object{"scopeType": "global", "scopeValue": "global"}}
}

// topology is what the master is told, nil when unknown. The operators are put into what is stored, and stay there.
func (s *stored) topology(name string) object {
	found := s.Topologies[name]
	if function := s.Functions[name]; found == nil && function != nil {
		if _, full := function["topology"]; !full {
			return short(name, function)
		}
		found, _ = function["topology"].(object)
	}
	if found == nil {
		return nil
	}
	operators := []any{}
	for _, task := range objects(found["tasks"]) {
		if operator := s.Operators[text(task, "operator")]; operator != nil {
			operators = append(operators, operator)
		}
	}
	found["operators"] = operators
	return found
}

// short makes a topology out of a function in the short form of these tests: a task, an image, an input, an output.
func short(name string, function object) object {
	image, tag := text(function, "image"), ""
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		image, tag = image[:colon], image[colon+1:]
	}
	outputs := []any{}
	if output := text(function, "output"); output != "" {
		outputs = append(outputs, object{"entity_type": output})
	}
	input := object{"selected_type": text(function, "input"), "selected_attributes": []any{}, "groupby": "EntityID", "scoped": false}
	return object{
		"name": name, "description": "",
		"tasks": []any{object{"name": text(function, "task"), "operator": name, "input_streams": []any{input}, "output_streams": outputs}},
		"operators": []any{object{"name": name, "parameters": []any{}, "dockerimages": []any{
			object{"name": image, "tag": tag, "hwType": "X86", "osType": "Linux"}}}},
	}
}

// uses tells whether a service or a function has a task of this operator.
func (s *stored) uses(operator string) bool {
	all := []object{}
	for _, service := range s.Services {
		topology, _ := service["topology"].(object)
		all = append(all, topology)
	}
	for _, function := range s.Functions {
		topology, _ := function["topology"].(object)
		all = append(all, topology)
	}
	for _, topology := range all {
		for _, task := range objects(topology["tasks"]) {
			if text(task, "operator") == operator {
				return true
			}
		}
	}
	return false
}

// newID is that of an intent which came without one.
func newID() string { return "ServiceIntent." + kit.NewID() }
