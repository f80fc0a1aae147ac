package server

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/wire"
	"github.com/modelwharf/modelwharf/internal/wire/awsjson"
	"github.com/modelwharf/modelwharf/internal/wire/query"
	"github.com/modelwharf/modelwharf/internal/wire/sigv4"
)

// foreign stands for the AWS services that do not exist here. It refuses whatever
// they are asked, in the words and the form that their clients understand: one who
// points all of an SDK at this server shall read which service is missing.
type foreign struct {
	wire.Protocol // writes errors, unless form does
	form          func(requestID string, err *api.Error) string
	code          string
	status        int
}

// The forms of the services' errors.
var (
	foreignJSON = &foreign{
		Protocol: awsjson.New(&api.Service{Name: "unknown", Protocol: api.JSON10, ErrorNamespace: "com.amazon.coral.service"}),
		code:     "UnknownOperationException", status: http.StatusBadRequest,
	}
	foreignREST  = &foreign{Protocol: foreignJSON.Protocol, code: "UnknownOperationException", status: http.StatusNotFound}
	foreignQuery = &foreign{
		Protocol: query.New(&api.Service{Name: "unknown", Protocol: api.Query}),
		code:     "InvalidAction", status: http.StatusBadRequest,
	}
	foreignEC2 = &foreign{Protocol: foreignQuery.Protocol, form: ec2Error, code: "InvalidAction", status: http.StatusBadRequest}
)

// foreignOf returns what answers for a service that does not exist here: by the
// name that the request is signed for, and by what it looks like.
func foreignOf(r *http.Request) *foreign {
	scope, _ := sigv4.ScopeOf(r)
	switch {
	case r.Header.Get("X-Amz-Target") != "":
		return foreignJSON
	case scope.Service == "ec2":
		return foreignEC2
	case isForm(r), strings.Contains(r.URL.RawQuery, "Action="):
		return foreignQuery
	case r.Method == http.MethodPost && r.URL.Path == "/":
		return foreignJSON
	}
	return foreignREST
}

var serviceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)

func (f *foreign) Open(r *http.Request, body []byte) (wire.Call, *api.Error) {
	target := r.Header.Get("X-Amz-Target")
	dot := strings.LastIndexByte(target, '.')
	call := wire.Call{Name: target[dot+1:]}
	// A signing name may be that of several services, which their targets tell apart.
	var names []string
	if scope, ok := sigv4.ScopeOf(r); ok {
		names = append(names, scope.Service)
	}
	if dot > 0 {
		names = append(names, target[:dot])
	}
	if f.Protocol == foreignQuery.Protocol {
		form, err := url.ParseQuery(string(body))
		if err == nil && form.Has("Action") {
			call.Name = form.Get("Action")
		}
	}
	message := "Nothing says which service this request is for."
	if name := strings.Join(names, "/"); serviceName.MatchString(name) {
		message = fmt.Sprintf("The service %s is not available in this version of Modelwharf.", name)
	}
	if target != "" && dot <= 0 {
		message = "X-Amz-Target does not name a service and an operation."
	}
	return call, api.Errorf(f.code, f.status, "%s", message)
}

func (f *foreign) WriteError(w http.ResponseWriter, requestID string, err *api.Error) {
	if f.form == nil {
		w.Header().Set("X-Amzn-Errortype", err.Code) // where REST clients look for it
		f.Protocol.WriteError(w, requestID, err)
		return
	}
	body := xml.Header + f.form(requestID, err)
	h := w.Header()
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Amz-Request-Id", requestID)
	h.Set("X-Amzn-Requestid", requestID)
	w.WriteHeader(err.HTTPStatus())
	_, _ = w.Write([]byte(body))
}

// ec2Error is https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html.
func ec2Error(requestID string, err *api.Error) string {
	return "<Response><Errors><Error><Code>" + escaped(err.Code) + "</Code><Message>" + escaped(err.Message) + "</Message></Error></Errors><RequestID>" + requestID + "</RequestID></Response>"
}

func escaped(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}
