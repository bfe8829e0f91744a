package main

import (
	"net/http"
)

func (d *designer) addOperators(w http.ResponseWriter, r *http.Request) {
	list, _, ok := posted(w, r)
	if !ok {
		return
	}
	d.mutex.Lock()
	for _, operator := range list {
		d.stored.Operators[text(operator, "name")] = operator
	}
	d.mutex.Unlock()
	d.save()
	done(w, 200)
}

// removeOperator keeps an operator that a service or a function uses, and says so with 501.
func (d *designer) removeOperator(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	d.mutex.Lock()
	known, used := d.stored.Operators[name] != nil, d.stored.uses(name)
	if known && !used {
		delete(d.stored.Operators, name)
	}
	d.mutex.Unlock()
	switch {
	case !known:
		done(w, 404)
	case used:
		done(w, 501)
	default:
		d.save()
		done(w, 200)
	}
}

func (d *designer) images(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	operator := d.stored.Operators[r.PathValue("name")]
	d.mutex.Unlock()
	if operator == nil {
		ends("the images of an unknown operator")
	}
	list, has := operator["dockerimages"].([]any)
	if !has {
		d.one(w, nil)
		return
	}
	reply(w, list)
}

func (d *designer) addImage(w http.ResponseWriter, r *http.Request) {
	_, image, ok := posted(w, r)
	if !ok {
		return
	}
	d.mutex.Lock()
	if operator := d.stored.Operators[r.PathValue("name")]; operator != nil {
		list, has := operator["dockerimages"].([]any)
		if !has {
			ends("an operator without a list of images")
		}
		operator["dockerimages"] = append(list, image)
	}
	d.mutex.Unlock()
	d.save()
	done(w, 200)
}

func (d *designer) removeImage(w http.ResponseWriter, r *http.Request) {
	d.mutex.Lock()
	if operator := d.stored.Operators[r.PathValue("name")]; operator != nil {
		kept := []any{}
		for _, image := range objects(operator["dockerimages"]) {
			if text(image, "name") != r.URL.Query().Get("image") {
				kept = append(kept, image)
			}
		}
		operator["dockerimages"] = kept
	}
	d.mutex.Unlock()
	d.save()
	done(w, 200)
}
