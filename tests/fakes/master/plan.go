package main

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log"
	"maps"
	"net/http"
	"slices"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

// plan is an intent that was taken up. `deployed` is never cleaned: what was removed by its entity is removed once more.
type plan struct {
	intent   kit.Intent
	deployed map[string]kit.Task // by id
	old      []string            // subscriptions at discovery
}

// stream is one task of a plan and what it is fed with: an instance for each group of entities.
type stream struct {
	plan      *plan
	named     string // the intent that its tasks name: none after an update
	task      kit.TopologyTask
	operator  kit.Operator
	topology  string
	instances map[string]*instance // by group
}

type instance struct {
	task   kit.Task
	inputs map[string]kit.Input // by the id of the entity
}

// orchestrate takes an intent up, or ends it. An intent that is there already gets a new plan and all of its tasks once more.
func (m *master) orchestrate(wanted kit.Intent) {
	m.mutex.Lock()
	known := m.plans[wanted.ID]
	delete(m.plans, wanted.ID)
	if known != nil {
		for _, sid := range known.old {
			delete(m.streams, sid) // the subscription at discovery stays
		}
	}
	m.mutex.Unlock()
	if wanted.Action == "DELETE" {
		if known != nil {
			for _, id := range slices.Sorted(maps.Keys(known.deployed)) {
				m.send("REMOVE_TASK", known.deployed[id].WorkerID, known.deployed[id])
			}
		}
		return
	}
	topology := kit.Topology{}
	url := fmt.Sprintf("http://%s:%d/topology/%s", m.config.Designer.HostIP, m.config.Designer.WebPort, wanted.Topology)
	if _, err := kit.Call("GET", url, nil, nil, &topology); err != nil || len(topology.Tasks) == 0 {
		log.Printf("failed to find the associated topology %s: %v", wanted.Topology, err) // dropped for ever
		return
	}
	it := &plan{intent: wanted, deployed: map[string]kit.Task{}}
	m.mutex.Lock()
	m.plans[wanted.ID] = it
	m.mutex.Unlock()
	for _, task := range topology.Tasks {
		if len(task.Inputs) > 0 {
			one := &stream{plan: it, task: task, topology: wanted.Topology, instances: map[string]*instance{}}
			if known == nil {
				one.named = wanted.ID
			}
			if at := slices.IndexFunc(topology.Operators, func(o kit.Operator) bool { return o.Name == task.Operator }); at >= 0 {
				one.operator = topology.Operators[at]
			}
			m.subscribe(it, one)
		}
	}
}

func (m *master) subscribe(it *plan, one *stream) {
	m.subscribing.Lock()
	defer m.subscribing.Unlock()
	input := one.task.Inputs[0]
	body := kit.Subscription{Entities: []kit.EntityId{{Type: input.Type, IsPattern: true}}, Attributes: input.Attributes,
		Reference: m.profile.Agent + "/notifyContextAvailability"}
	var scope kit.Scope
	if input.Scoped && json.Unmarshal(it.intent.Scope, &scope) == nil {
		body.Restriction.Scopes = []kit.Scope{scope}
	}
	url := fmt.Sprintf("http://%s:%d/ngsi9/subscribeContextAvailability", m.config.Discovery.HostIP, m.config.Discovery.Port)
	var answer kit.Availability
	if _, err := kit.Call("POST", url, nil, body, &answer); err != nil {
		log.Printf("not subscribed: %v", err) // and nobody will try again
		return
	}
	m.mutex.Lock()
	m.streams[answer.ID] = one
	it.old = append(it.old, answer.ID)
	m.mutex.Unlock()
}

func (m *master) available(w http.ResponseWriter, r *http.Request) {
	var notice kit.Availability
	if !kit.Read(w, r, &notice) {
		return
	}
	kit.Reply(w, 200, kit.Response{Code: kit.OK})
	go m.learn(notice)
}

func (m *master) learn(notice kit.Availability) {
	m.subscribing.Lock() // the answer with this id may still be on its way
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.subscribing.Unlock()
	one, ok := m.streams[notice.ID]
	if !ok {
		log.Printf("subscription %s was not issued by me", notice.ID)
		return
	}
	for _, each := range notice.Responses {
		for _, entity := range each.Registration.Entities {
			if notice.Code.Code == kit.Deleted {
				m.gone(one, entity)
			} else {
				m.here(one, entity)
			}
		}
	}
}

// here is called with the lock held.
func (m *master) here(one *stream, entity kit.EntityId) {
	group := entity.ID
	if by := one.task.Inputs[0].GroupBy; by != "" && by != "EntityID" {
		group = by // of other groups only that of all is imitated
	}
	input := kit.Input{Type: entity.Type, ID: entity.ID, Attributes: one.task.Inputs[0].Attributes}
	running, ok := one.instances[group]
	if !ok {
		m.launch(one, group, input)
	} else if _, fed := running.inputs[entity.ID]; !fed {
		running.inputs[entity.ID] = input
		go m.send("ADD_INPUT", running.task.WorkerID, kit.Flow{Input: input, TaskID: running.task.ID, WorkerID: running.task.WorkerID})
	}
}

// gone is called with the lock held.
func (m *master) gone(one *stream, entity kit.EntityId) {
	for group, running := range one.instances {
		if _, fed := running.inputs[entity.ID]; !fed {
			continue
		}
		delete(running.inputs, entity.ID)
		worker := running.task.WorkerID
		if len(running.inputs) > 0 {
			go m.send("REMOVE_INPUT", worker, kit.Flow{Input: kit.Input{ID: entity.ID}, TaskID: running.task.ID, WorkerID: worker})
			continue
		}
		delete(one.instances, group)
		go m.send("REMOVE_TASK", worker, kit.Task{ID: running.task.ID, WorkerID: worker})
	}
}

// launch is called with the lock held. Without a worker that has room the task is dropped for good.
func (m *master) launch(one *stream, group string, input kit.Input) {
	for id, worker := range m.workers {
		if worker.Workload >= worker.Capacity {
			continue
		}
		worker.Workload++ // until its next heartbeat; a task that it runs already counts once more
		hash := fnv.New32a()
		fmt.Fprintf(hash, "%q", group)
		key := fmt.Sprint(hash.Sum32())
		intent := one.plan.intent
		task := kit.Task{
			ID: fmt.Sprintf("Task.%s.%s.%s", one.topology, one.task.Name, key), TopologyName: one.topology,
			TaskName: one.task.Name, IntentID: one.named, OperatorName: one.operator.Name, DockerImage: imageOf(one.operator),
			Parameters: one.operator.Parameters, WorkerID: id, IsExclusive: intent.Priority.Exclusive,
			Priority: intent.Priority.Level, Status: "scheduled", Inputs: []kit.Input{input},
		}
		for n, output := range one.task.Outputs {
			stream := fmt.Sprintf("%s.%s.%d", output.Type, key, n+1)
			task.Outputs = append(task.Outputs, kit.Output{Type: output.Type, StreamID: stream})
		}
		one.instances[group] = &instance{task: task, inputs: map[string]kit.Input{input.ID: input}}
		one.plan.deployed[task.ID] = task
		go m.send("ADD_TASK", id, task)
		return
	}
	log.Printf("NOT ABLE TO FIND A WORKER for %s: dropped", input.ID)
}

// imageOf asks for no other than X86 and Linux: arm64 counts as X86.
func imageOf(operator kit.Operator) string {
	for _, image := range operator.Images {
		if image.Hardware == "X86" && image.System == "Linux" {
			if image.Tag == "" {
				return image.Name
			}
			return image.Name + ":" + image.Tag
		}
	}
	return ""
}
