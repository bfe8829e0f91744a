package main

import (
	"maps"
	"net/http"
	"slices"

	"fogflow-k8s.invalid/fakes/internal/kit"
)

// routesLD are those of NGSI-LD that do something in the original, and those that only say so.
func (b *broker) routesLD(mux *http.ServeMux) {
	const root = "/ngsi-ld/v1/"
	for _, path := range []string{"entities", "entities/{$}"} {
		mux.HandleFunc("POST "+root+path, func(w http.ResponseWriter, r *http.Request) {
			var entity map[string]any
			if kit.Read(w, r, &entity) {
				b.putLD(entity)
				kit.Silent(w, r)
			}
		})
	}
	mux.HandleFunc("POST "+root+"entityOperations/upsert", func(w http.ResponseWriter, r *http.Request) {
		var entities []map[string]any
		if kit.Read(w, r, &entities) {
			b.putLD(entities...)
			kit.Silent(w, r)
		}
	})
	mux.HandleFunc("POST "+root+"notifyContext", func(w http.ResponseWriter, r *http.Request) {
		var notice struct {
			Data []map[string]any `json:"data"`
		}
		if kit.Read(w, r, &notice) {
			b.putLD(notice.Data...)
			kit.Silent(w, r)
		}
	})
	mux.HandleFunc("GET "+root+"entities/{id}", func(w http.ResponseWriter, r *http.Request) {
		if found := b.own([]kit.EntityId{{ID: r.PathValue("id")}}); len(found) > 0 {
			kit.Reply(w, 200, inLD(found[0]))
			return
		}
		kit.Reply(w, 200, map[string]string{"error": "NotFound",
			"description": "The requested entity has not been found. Check type and id"})
	})
	mux.HandleFunc("DELETE "+root+"entities/{id}", func(w http.ResponseWriter, r *http.Request) {
		b.apply(kit.Element{Entity: kit.EntityId{ID: r.PathValue("id")}}, "DELETE", false, "")
		kit.Nothing(w, 200)
	})
	mux.HandleFunc("GET "+root+"entities", kit.Silent)
	mux.HandleFunc("DELETE "+root+"entities/{id}/attrs/{name}", kit.Silent)
	mux.HandleFunc("POST "+root+"entityOperations/query", kit.Silent)
	mux.HandleFunc("POST "+root+"subscriptions/{$}", kit.Silent)
}

func (b *broker) putLD(entities ...map[string]any) {
	for _, entity := range entities {
		if element := fromLD(entity); element.Entity.ID != "" {
			b.apply(element, "UPDATE", false, "")
		}
	}
}

func fromLD(entity map[string]any) kit.Element {
	id, _ := entity["id"].(string)
	kind, _ := entity["type"].(string)
	element := kit.Element{Entity: kit.EntityId{ID: id, Type: kind}}
	for _, name := range slices.Sorted(maps.Keys(entity)) {
		said, isObject := entity[name].(map[string]any)
		if !isObject {
			continue
		}
		switch said["type"] {
		case "Relationship":
			element.Attributes = append(element.Attributes, kit.Attribute{Name: name, Type: "relationship", Value: said["object"]})
		case "GeoProperty":
			place, _ := said["value"].(map[string]any)
			if at, ok := place["coordinates"].([]any); ok && len(at) == 2 && place["type"] == "Point" {
				point := map[string]any{"latitude": at[1], "longitude": at[0]}
				element.Metadata = append(element.Metadata, kit.Metadata{Name: name, Type: "point", Value: point})
			}
		default:
			element.Attributes = append(element.Attributes, kit.Attribute{Name: name, Type: typeOf(said["value"]), Value: said["value"]})
		}
	}
	return element
}

func typeOf(value any) string {
	switch value.(type) {
	case float64:
		return "float"
	case bool:
		return "boolean"
	case string:
		return "string"
	}
	return "object"
}
