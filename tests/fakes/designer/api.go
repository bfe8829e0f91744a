package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

// posted reads a list of objects; something else than a list is answered with OK, and nothing is done.
func posted(w http.ResponseWriter, r *http.Request) (list []object, whole object, ok bool) {
	content, _ := io.ReadAll(r.Body)
	var body any
	if json.Unmarshal(content, &body) != nil {
		http.Error(w, "SyntaxError", http.StatusBadRequest)
		return nil, nil, false
	}
	whole, _ = body.(object)
	return objects(body), whole, true
}

// addFunctions takes a list in the form of the original, or one function in the short form of these tests.
func (d *designer) addFunctions(w http.ResponseWriter, r *http.Request) {
	list, whole, ok := posted(w, r)
	if !ok {
		return
	}
	isShort := whole["image"] != nil && whole["topology"] == nil
	if isShort {
		list = []object{whole}
	}
	if d.bus.Deaf() {
		ends("the channel is closed") // before anything was written: the function is lost
	}
	for _, function := range list {
		d.addFunction(function, isShort)
	}
	d.save()
	if isShort {
		kit.Reply(w, 200, whole)
		return
	}
	done(w, 200)
}

func (d *designer) addFunction(function object, isShort bool) {
	name := text(function, "name")
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if !isShort {
		intent, _ := function["intent"].(object)
		topology, _ := function["topology"].(object)
		if intent == nil || topology == nil {
			ends("a function without an intent")
		}
		if text(intent, "id") == "" {
			intent["id"] = newID()
		}
		function["status"] = "enabled" // whatever was sent
		d.stored.Topologies[name] = topology
	}
	d.stored.Functions[name] = function // the master fetches it from here while it is being published
	if err := d.publish(intentOf(name, function), "ADD"); err != nil {
		log.Fatal(err)
	}
}

func (d *designer) removeFunction(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	d.mutex.Lock()
	function := d.stored.Functions[name]
	delete(d.stored.Functions, name)
	delete(d.stored.Topologies, name)
	d.mutex.Unlock()
	if function == nil {
		done(w, 404)
		return
	}
	_ = d.publish(intentOf(name, function), "DELETE")
	d.save()
	done(w, 200)
}

func (d *designer) switchFunction(w http.ResponseWriter, r *http.Request) {
	name, enable := r.PathValue("name"), r.PathValue("state") == "enable"
	if !enable && r.PathValue("state") != "disable" {
		http.NotFound(w, r)
		return
	}
	d.mutex.Lock()
	function := d.stored.Functions[name]
	if function == nil {
		ends("an unknown function")
	}
	action := "DELETE"
	function["status"] = "disabled"
	if enable {
		action, function["status"] = "ADD", "enabled"
	}
	_ = d.publish(intentOf(name, function), action)
	d.mutex.Unlock()
	d.save()
	d.one(w, function)
}

func (d *designer) topologies(w http.ResponseWriter, _ *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	all := []object{}
	for _, each := range d.stored.Topologies {
		all = append(all, each)
	}
	kit.Reply(w, 200, all)
}

func (d *designer) topology(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	found := d.stored.topology(r.PathValue("name"))
	if found == nil {
		found = object{}
	}
	kit.Reply(w, 200, found)
}

func (d *designer) addServices(w http.ResponseWriter, r *http.Request) {
	list, _, ok := posted(w, r)
	if !ok {
		return
	}
	d.mutex.Lock()
	for _, service := range list {
		topology, _ := service["topology"].(object)
		if topology == nil {
			ends("a service without a topology")
		}
		d.stored.Services[text(topology, "name")] = service
		d.stored.Topologies[text(topology, "name")] = topology
	}
	d.mutex.Unlock()
	d.save()
	done(w, 200)
}

// removeService leaves its intents, and with them its tasks.
func (d *designer) removeService(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	delete(d.stored.Services, r.PathValue("name"))
	delete(d.stored.Topologies, r.PathValue("name"))
	d.mutex.Unlock()
	d.save()
	done(w, 200)
}

func (d *designer) addIntent(w http.ResponseWriter, r *http.Request) {
	_, intent, ok := posted(w, r)
	if !ok {
		return
	}
	if len(intent) > 0 {
		id := text(intent, "id")
		if id == "" {
			id = "undefined"
		}
		d.mutex.Lock()
		d.stored.Intents[id] = intent
		d.mutex.Unlock()
		d.save() // before it is published: the action is in the file after the next write only
		d.mutex.Lock()
		err := d.publish(intent, "ADD")
		d.mutex.Unlock()
		if err != nil {
			ends(err.Error())
		}
	}
	done(w, 200)
}

func (d *designer) removeIntent(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	intent := d.stored.Intents[r.PathValue("name")]
	delete(d.stored.Intents, r.PathValue("name"))
	d.mutex.Unlock()
	if intent == nil {
		done(w, 404)
		return
	}
	_ = d.publish(intent, "DELETE")
	d.save()
	done(w, 200)
}
