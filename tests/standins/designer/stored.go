package main

import (
	"encoding/json"

	"fogflow-k8s.invalid/standins/internal/kit"
)

// stored is the designer's database. Functions and operators are kept as they came, with keys that nobody knows.
type stored struct {
	Operators map[string]json.RawMessage `json:"operators"`
	Functions map[string]json.RawMessage `json:"fogfunctions"`
}

// function is the original's form, as far as it is read here: the first task, its first input and its first output.
type function struct {
	Topology *struct {
		Tasks []struct {
			Name     string `json:"name"`
			Operator string `json:"operator"`
			Inputs   []struct {
				Type string `json:"selected_type"`
			} `json:"input_streams"`
			Outputs []struct {
				Type string `json:"entity_type"`
			} `json:"output_streams"`
		} `json:"tasks"`
	} `json:"topology"`
}

type operator struct {
	Parameters []kit.Parameter `json:"parameters"`
	Images     []struct {
		Name     string `json:"name"`
		Tag      string `json:"tag"`
		Hardware string `json:"hwType"`
		System   string `json:"osType"`
	} `json:"dockerimages"`
}

func empty() stored {
	return stored{Operators: map[string]json.RawMessage{}, Functions: map[string]json.RawMessage{}}
}

// topology is what the master is told of a function: in one step, where the original's master puts it together itself.
func (s *stored) topology(name string) (kit.Topology, bool) {
	raw, known := s.Functions[name]
	var flat kit.Topology
	var full function
	if !known || json.Unmarshal(raw, &full) != nil {
		return flat, false
	}
	if full.Topology == nil {
		return flat, json.Unmarshal(raw, &flat) == nil
	}
	if len(full.Topology.Tasks) == 0 || len(full.Topology.Tasks[0].Inputs) == 0 {
		return flat, false
	}
	task := full.Topology.Tasks[0]
	flat = kit.Topology{Name: name, Task: task.Name, Operator: task.Operator, Input: task.Inputs[0].Type}
	if len(task.Outputs) > 0 {
		flat.Output = task.Outputs[0].Type
	}
	var of operator
	_ = json.Unmarshal(s.Operators[task.Operator], &of)
	flat.Parameters = of.Parameters
	for _, image := range of.Images {
		if image.Hardware == "X86" && image.System == "Linux" {
			flat.Image = image.Name + ":" + image.Tag // the master asks for no other: arm64 counts as X86
		}
	}
	return flat, true
}

// uses tells whether a function has a task of this operator.
func (s *stored) uses(operator string) bool {
	for name := range s.Functions {
		if found, ok := s.topology(name); ok && found.Operator == operator {
			return true
		}
	}
	return false
}

func nameOf(raw json.RawMessage) string {
	var named struct {
		Name string `json:"name"`
	}
	_ = json.Unmarshal(raw, &named)
	return named.Name
}
