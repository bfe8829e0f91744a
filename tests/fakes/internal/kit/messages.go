package kit

import (
	"encoding/json"
	"time"
)

// WorkerProfile is what a worker tells the master about itself.
type WorkerProfile struct {
	ID       string    `json:"id"`
	Location Location  `json:"location"`
	Geohash  string    `json:"geohash_id"`
	OS       string    `json:"os"`
	Hardware string    `json:"hardware"`
	Capacity int       `json:"capacity"`
	Workload int       `json:"workload"`
	CAdvisor int       `json:"CAdvisorPort"`
	Edge     string    `json:"EdgeAddress"`
	Seen     time.Time `json:"Last_Heartbeat_Update"`
}

// Location is where a program is.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// MasterProfile is what a master tells the designer about itself, and answers to /status.
type MasterProfile struct {
	ID       string   `json:"id"`
	Location Location `json:"location"`
	Agent    string   `json:"agent"`
}

// Task is one instance that a worker is to run.
type Task struct {
	ID           string      `json:"ID"`
	TopologyName string      `json:"TopologyName"`
	TaskName     string      `json:"TaskName"`
	IntentID     string      `json:"ServiceIntentID"`
	OperatorName string      `json:"OperatorName"`
	TaskType     string      `json:"TaskType"`
	FunctionCode string      `json:"FunctionCode"`
	DockerImage  string      `json:"DockerImage"`
	Parameters   []Parameter `json:"Parameters"`
	WorkerID     string      `json:"WorkerID"`
	IsExclusive  bool        `json:"IsExclusive"`
	Priority     int         `json:"PriorityLevel"`
	Status       string      `json:"Status"`
	Inputs       []Input     `json:"Inputs"`
	Outputs      []Output    `json:"Outputs"`
}

// Input is an entity that a task hears of.
type Input struct {
	Type       string   `json:"Type"`
	ID         string   `json:"ID"`
	Attributes []string `json:"AttributeList"`
}

// Output is an entity that a task publishes.
type Output struct {
	Type        string `json:"Type"`
	StreamID    string `json:"StreamID"`
	Annotations any    `json:"Annotations"`
}

// Flow adds an input to a running task, or takes it away.
type Flow struct {
	Input    Input  `json:"InputStream"`
	TaskID   string `json:"TaskInstanceID"`
	WorkerID string `json:"WorkerID"`
}

// TaskUpdate is a worker's word on a task's state.
type TaskUpdate struct {
	TaskID       string `json:"TaskID"`
	TopologyName string `json:"TopologyName"`
	TaskName     string `json:"TaskName"`
	IntentID     string `json:"ServiceIntentID"`
	Status       string `json:"Status"`
}

// TaskInfo is a worker's word on where a task runs.
type TaskInfo struct {
	TaskID       string `json:"TaskID"`
	TopologyName string `json:"TopologyName"`
	TaskName     string `json:"TaskName"`
	IntentID     string `json:"ServiceIntentID"`
	Info         string `json:"Info"`
}

// Intent is what the designer asks the master for: a topology, by name.
type Intent struct {
	ID       string `json:"id"`
	Topology string `json:"topology"`
	Priority struct {
		Exclusive bool `json:"exclusive"`
		Level     int  `json:"level"`
	} `json:"priority"`
	Scope  json.RawMessage `json:"geoscope"`
	Action string          `json:"action"`
}

// Topology is what the designer answers to the master: the tasks, and the operators that they name.
type Topology struct {
	Name        string         `json:"name"`
	Description string         `json:"description"`
	Tasks       []TopologyTask `json:"tasks"`
	Operators   []Operator     `json:"operators"`
}

// TopologyTask is one kind of task in a topology.
type TopologyTask struct {
	Name     string `json:"name"`
	Operator string `json:"operator"`
	Inputs   []struct {
		Type       string   `json:"selected_type"`
		Attributes []string `json:"selected_attributes"`
		GroupBy    string   `json:"groupby"`
		Scoped     bool     `json:"scoped"`
	} `json:"input_streams"`
	Outputs []struct {
		Type string `json:"entity_type"`
	} `json:"output_streams"`
}

// Operator is what a task runs.
type Operator struct {
	Name       string      `json:"name"`
	Parameters []Parameter `json:"parameters"`
	Images     []struct {
		Name     string `json:"name"`
		Tag      string `json:"tag"`
		Hardware string `json:"hwType"`
		System   string `json:"osType"`
	} `json:"dockerimages"`
}

// Parameter is one of an operator's, as a task is told of it. A value that is no string cannot be read: the intent is dropped.
type Parameter struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
