// Fake of FogFlow's designer: the page, its API, and the one replay of all intents at its start. It keeps what it is told
// in a file, ignores SIGTERM, prints the bus's password to its log, and ends at some requests, as the original does.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

// Where the image has it; tests without a container name another folder.
var public = folder()

func folder() string {
	if at := os.Getenv("FAKE_PUBLIC_FOLDER"); at != "" {
		return at
	}
	return "/app/public"
}

type designer struct {
	config  *kit.Config
	bus     *kit.Bus
	mutex   sync.Mutex
	stored  stored
	masters map[string]kit.MasterProfile
	tasks   map[string]object // what the workers said, since the start
	order   []string          // of those tasks
}

func main() {
	c := kit.Load("/app/config.json")
	kit.PoweredBy = "Express"
	d := &designer{config: c, bus: kit.NewBus(c), stored: empty(), masters: map[string]kit.MasterProfile{}, tasks: map[string]object{}}
	d.bus.Plain = true
	signal.Ignore(syscall.SIGTERM)
	for _, folder := range []string{filepath.Dir(database()), public + "/data/photo"} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			log.Fatal(err)
		}
	}
	if content, err := os.ReadFile(database()); err == nil {
		_ = json.Unmarshal(content, &d.stored)
	}
	log.Printf("connecting to %s", d.bus.URL)
	queue := kit.Queue{Name: "fogflow-designer", Bindings: []string{"designer.*", "task."}, NoAck: true}
	go func() {
		time.Sleep(time.Second) // a program of Node that size has its modules loaded about then
		d.bus.Consume(queue, d.replay, d.hear)
	}()
	go d.subscribeAgain()
	kit.Serve(c.Designer.WebPort, d.routes())
}

func database() string { return public + "/data/meta/db.json" }

func (d *designer) routes() http.Handler {
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "<html><title>FogFlow (fake)</title></html>")
	}
	mux.HandleFunc("GET /{$}", page)
	mux.HandleFunc("GET /index.html", page)
	mux.HandleFunc("GET /config.js", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "var config = {};") })
	mux.HandleFunc("GET /data/meta/db.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		w.Header().Set("X-Powered-By", kit.PoweredBy)
		http.ServeFile(w, r, database())
	})
	for path, handler := range map[string]http.HandlerFunc{
		"POST /fogfunction": d.addFunctions, "DELETE /fogfunction/{name}": d.removeFunction,
		"GET /fogfunction/{name}/{state}": d.switchFunction, "GET /topology": d.topologies, "GET /topology/{name}": d.topology,
		"POST /service": d.addServices, "DELETE /service/{name}": d.removeService,
		"POST /intent": d.addIntent, "DELETE /intent/{name}": d.removeIntent,
		"GET /intent/topology/{name}": func(w http.ResponseWriter, _ *http.Request) { kit.Reply(w, 200, []any{}) },
		"POST /operator":              d.addOperators, "DELETE /operator/{name}": d.removeOperator,
		"GET /dockerimage/{name}": d.images, "POST /dockerimage/{name}": d.addImage, "DELETE /dockerimage/{name}": d.removeImage,
		"POST /subscription": d.addSubscription, "DELETE /subscription/{name}": d.removeSubscription,
		"DELETE /device/{name}": func(w http.ResponseWriter, _ *http.Request) { done(w, 404) }, // none can be made here
		"GET /info/master":      d.infoMaster, "GET /info/task": d.infoTask, "GET /info/task/{intent}": d.infoTask,
	} {
		mux.HandleFunc(path, handler)
	}
	for name, of := range map[string]func() map[string]object{
		"operator": func() map[string]object { return d.stored.Operators }, "service": func() map[string]object { return d.stored.Services },
		"intent": func() map[string]object { return d.stored.Intents }, "fogfunction": func() map[string]object { return d.stored.Functions },
		"subscription": func() map[string]object { return d.stored.Subscriptions }, "device": func() map[string]object { return d.stored.Devices },
	} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, _ *http.Request) { d.list(w, of) })
		mux.HandleFunc("GET /"+name+"/{name}", func(w http.ResponseWriter, r *http.Request) {
			d.mutex.Lock()
			found := of()[r.PathValue("name")]
			d.mutex.Unlock()
			d.one(w, found)
		})
	}
	return mux
}

func (d *designer) list(w http.ResponseWriter, of func() map[string]object) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	kit.Reply(w, 200, of())
}

// one answers an unknown thing with 200 and no body.
func (d *designer) one(w http.ResponseWriter, found object) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if found == nil {
		kit.Nothing(w, 200)
		return
	}
	kit.Reply(w, 200, found)
}

// replay publishes intents and then the enabled functions once, the moment the bus is there; whoever does not listen by then
// never hears of them.
func (d *designer) replay() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for _, intent := range d.stored.Intents {
		_ = d.publish(intent, "ADD")
	}
	for name, function := range d.stored.Functions {
		if function["status"] != "disabled" {
			_ = d.publish(intentOf(name, function), "ADD")
		}
	}
}

// publish writes the action into the intent, where it stays.
func (d *designer) publish(intent object, action string) error {
	intent["action"] = action
	return d.bus.Publish("ServiceIntent", "orchestration.", "designer", intent)
}

// ends is what an unhandled rejection does to the original. What the request was to store is not stored.
func ends(reason string) {
	log.Printf("unhandled rejection: %s", reason)
	os.Exit(1)
}

// done answers with a status and its name, not with JSON.
func done(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Powered-By", kit.PoweredBy)
	w.WriteHeader(status)
	fmt.Fprint(w, http.StatusText(status))
}

func (d *designer) save() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	content, _ := json.Marshal(d.stored)
	if err := os.WriteFile(database(), content, 0o644); err != nil {
		log.Print(err)
	}
}
