package apsaramq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/managed"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

// apiVersion is the version of the API whose paths and fields are used here.
const apiVersion = "2022-08-01"

// The operations, by the vendor's names. RAM policies name them so, with
// "rocketmq:" before.
const (
	opReset       = "ResetConsumeOffset"
	opGroup       = "GetConsumerGroup"
	opTopic       = "GetTopic"
	opConnections = "ListConsumerConnections"
	opTimespan    = "GetConsumeTimespan"
	opLag         = "GetConsumerGroupLag"
)

// The values of resetType that the API knows.
const (
	resetLatest = "LATEST_OFFSET"
	resetTime   = "SPECIFIED_TIME"
)

// zone is what the API means by a time without a zone, wherever host and
// instance are (apache/rocketmq-dashboard #1816; the vendor's page does not
// say it). It is fixed: China has no daylight saving time.
var zone = time.FixedZone("UTC+8", 8*60*60)

// resetBody is the body of ResetConsumeOffset.
type resetBody struct {
	ResetType string `json:"resetType"`
	ResetTime string `json:"resetTime,omitempty"` // yyyy-MM-dd HH:mm:ss, in zone
}

// envelope is what every answer of the API has around its data. Gateways
// before the API write RequestId, Code and Message; encoding/json takes both.
type envelope struct {
	RequestID      managed.Scalar  `json:"requestId"`
	Success        managed.Scalar  `json:"success"`
	Code           managed.Scalar  `json:"code"`
	Message        managed.Scalar  `json:"message"`
	HTTPStatusCode managed.Scalar  `json:"httpStatusCode"`
	DynamicCode    managed.Scalar  `json:"dynamicCode"`
	DynamicMessage managed.Scalar  `json:"dynamicMessage"`
	Data           json.RawMessage `json:"data"`
}

// get reads something and decodes the answer's data into data.
// The error is a *managed.Failure.
func (c *Client) get(ctx context.Context, operation string, path []string, query [][2]string, data any) error {
	call, err := c.prepare(operation, http.MethodGet, path, query, nil)
	if err != nil {
		return &managed.Failure{Err: err}
	}
	call.Judge = func(a managed.Answer) (managed.Verdict, error) {
		e, verdict, err := judge(a, call.Write)
		if err == nil {
			if err = decodeData(e.Data, data); err != nil {
				verdict = managed.Refused
			}
		}
		return verdict, err
	}
	_, err = c.http.Do(ctx, call)
	return err
}

// prepare builds a call without its judgement.
func (c *Client) prepare(operation, method string, path []string, query [][2]string, body any) (managed.Call, error) {
	u, err := managed.Address(c.base, path, query)
	if err != nil {
		return managed.Call{}, err
	}
	header := http.Header{
		"Accept":        {"application/json"},
		"X-Acs-Action":  {operation},
		"X-Acs-Version": {apiVersion},
	}
	var raw []byte
	if body != nil {
		if raw, err = json.Marshal(body); err != nil {
			return managed.Call{}, err
		}
		header.Set("Content-Type", "application/json; charset=utf-8")
	}
	return managed.Call{
		Name: operation, Method: method, URL: u, Header: header, Body: raw,
		Write: method != http.MethodGet,
		Sign: func(ctx context.Context, r *http.Request, raw []byte) error {
			who, err := c.credentials(ctx)
			if err != nil {
				return &managed.CredentialsError{Err: err}
			}
			c.http.Redactor.Add(who.SecretKey, who.SecurityToken)
			sign(r, raw, who, c.clock.Now(), newNonce())
			return nil
		},
	}, nil
}

// judge reads an answer's envelope and says what it means. An answer counts
// as success only if its HTTP status and its field success both say so.
func judge(a managed.Answer, write bool) (envelope, managed.Verdict, error) {
	var e envelope
	text := bytes.TrimSpace(a.Body)
	if err := json.Unmarshal(text, &e); err != nil || len(text) == 0 || text[0] != '{' {
		return envelope{}, strangeVerdict(a.Status), &managed.VendorError{
			Status:    a.Status,
			Message:   fmt.Sprintf("the answer is not the API's JSON but %s of %d bytes: %q", contentType(a.Header), len(a.Body), managed.Clean(string(a.Body[:min(len(a.Body), 400)]), 100)),
			RequestID: managed.RequestID(a.Header),
		}
	}
	success, told := e.Success.Bool()
	if a.Status/100 == 2 && success {
		return e, managed.Done, nil
	}
	err := vendorError(a, e)
	if a.Status/100 == 2 && !told && e.Code.String() == "" {
		err.Message = "the answer does not say whether the call succeeded"
		return e, managed.Doubt, err
	}
	return e, verdictOf(err, write), err
}

// verdictOf sorts a failure that the service told of.
func verdictOf(err *managed.VendorError, write bool) managed.Verdict {
	switch {
	case err.Status == http.StatusTooManyRequests || strings.Contains(err.Code, "Throttling"):
		return managed.Later
	case err.Status >= 500 || strings.Contains(err.Code, "ServiceUnavailable"):
		return managed.Doubt
	case err.Code == "SignatureNonceUsed" && !write:
		// The network sent a request twice. A read is simply signed anew.
		return managed.Later
	case err.Code == "SignatureNonceUsed":
		return managed.Doubt
	default:
		return managed.Refused
	}
}

// strangeVerdict sorts an answer that is not the API's. A proxy may have
// given it before or after the API did its work.
func strangeVerdict(status int) managed.Verdict {
	switch {
	case status == http.StatusTooManyRequests:
		return managed.Later
	case status/100 == 2 || status >= 500:
		return managed.Doubt
	default:
		return managed.Refused
	}
}

// vendorError takes from an answer whatever it says about its failure.
func vendorError(a managed.Answer, e envelope) *managed.VendorError {
	status := a.Status
	if inner, ok := e.HTTPStatusCode.Int(); ok && inner >= 400 && inner < 600 && status/100 == 2 {
		status = int(inner)
	}
	var detail []string
	if s := e.DynamicCode.String(); s != "" {
		detail = append(detail, "dynamicCode "+managed.Clean(s, 100))
	}
	if s := e.DynamicMessage.String(); s != "" {
		detail = append(detail, "dynamicMessage "+managed.Clean(s, 200))
	}
	id := managed.Clean(e.RequestID.String(), 100)
	if id == "" {
		id = managed.RequestID(a.Header)
	}
	return &managed.VendorError{
		Status: status, Code: managed.Clean(e.Code.String(), 100), Message: managed.Clean(e.Message.String(), 500),
		Detail: strings.Join(detail, ", "), RequestID: id,
	}
}

func contentType(h http.Header) string {
	if t := managed.Clean(h.Get("Content-Type"), 60); t != "" {
		return t
	}
	return "something without a content type"
}

// decodeData reads an answer's data. Fields that are missing stay unknown.
func decodeData(raw json.RawMessage, data any) error {
	if len(raw) == 0 || bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(raw, data); err != nil {
		return fmt.Errorf("the answer's data has another form than the API's: %w", err)
	}
	return nil
}

// group is what GetConsumerGroup tells.
type group struct {
	Status       managed.Scalar `json:"status"`
	MessageModel managed.Scalar `json:"messageModel"`
}

// topic is what GetTopic tells.
type topic struct {
	MessageType managed.Scalar `json:"messageType"`
	Status      managed.Scalar `json:"status"`
}

// connections is what ListConsumerConnections tells: the clients that are
// online.
type connections struct {
	Connections []struct {
		ClientID     managed.Scalar `json:"clientId"`
		EgressIP     managed.Scalar `json:"egressIp"`
		Hostname     managed.Scalar `json:"hostname"`
		MessageModel managed.Scalar `json:"messageModel"`
	} `json:"connections"`
}

// timespan is what GetConsumeTimespan tells, in milliseconds since 1970: when
// the oldest and the newest stored message were produced, and how far the
// group has come.
type timespan struct {
	Min     managed.Scalar `json:"minTimestamp"`
	Max     managed.Scalar `json:"maxTimestamp"`
	Consume managed.Scalar `json:"consumeTimestamp"`
}

// lag is what GetConsumerGroupLag tells.
type lag struct {
	Total  topicLag            `json:"totalLag"`
	Topics map[string]topicLag `json:"topicLagMap"`
}

// topicLag counts what a group has not consumed of one topic.
type topicLag struct {
	Ready       managed.Scalar `json:"readyCount"`
	Inflight    managed.Scalar `json:"inflightCount"`
	LastConsume managed.Scalar `json:"lastConsumeTimestamp"`
}

func (e *instance) getGroup(ctx context.Context, groupID string) (group, error) {
	var g group
	err := e.client.get(ctx, opGroup, []string{"instances", e.id, "consumerGroups", groupID}, nil, &g)
	return g, err
}

func (e *instance) getTopic(ctx context.Context, name string) (topic, error) {
	var t topic
	err := e.client.get(ctx, opTopic, []string{"instances", e.id, "topics", name}, nil, &t)
	return t, err
}

func (e *instance) getConnections(ctx context.Context, groupID string) (connections, error) {
	var c connections
	err := e.client.get(ctx, opConnections, []string{"instances", e.id, "consumerGroups", groupID, "connections"}, nil, &c)
	return c, err
}

func (e *instance) getTimespan(ctx context.Context, groupID, topicName string) (timespan, error) {
	var t timespan
	err := e.client.get(ctx, opTimespan, []string{"instances", e.id, "consumerGroups", groupID, "consumeTimespan", topicName}, nil, &t)
	return t, err
}

func (e *instance) getLag(ctx context.Context, groupID, topicName string) (topicLag, error) {
	var l lag
	err := e.client.get(ctx, opLag, []string{"instances", e.id, "consumerGroups", groupID, "lag"}, [][2]string{{"topicName", topicName}}, &l)
	return l.Topics[topicName], err
}

// reset sends ResetConsumeOffset. To a time it can be repeated; to the latest
// message it cannot, for what arrives between two tries would be skipped too.
// It returns the request's id.
func (e *instance) reset(ctx context.Context, groupID, topicName string, target offset.Target) (requestID string, err error) {
	body := resetBody{ResetType: resetLatest}
	if target.Kind == offset.ToTime {
		body = resetBody{ResetType: resetTime, ResetTime: target.Time.In(zone).Format(time.DateTime)}
	}
	call, err := e.client.prepare(opReset, http.MethodPatch, []string{"instances", e.id, "consumerGroups", groupID, "consumeOffsets", topicName}, nil, body)
	if err != nil {
		return "", &managed.Failure{Err: err}
	}
	call.Once = target.Kind == offset.ToLatest
	var decoded envelope
	call.Judge = func(a managed.Answer) (managed.Verdict, error) {
		var verdict managed.Verdict
		var err error
		decoded, verdict, err = judge(a, true)
		return verdict, err
	}
	answer, err := e.client.http.Do(ctx, call)
	if err != nil {
		return "", err
	}
	if id := managed.Clean(decoded.RequestID.String(), 100); id != "" {
		return id, nil
	}
	return managed.RequestID(answer.Header), nil
}

// codeOf sorts the vendor's codes into the kinds of trouble that all engines
// share.
func codeOf(err error) offset.Code {
	var who *managed.CredentialsError
	if errors.As(err, &who) {
		return offset.Unauthorized
	}
	var v *managed.VendorError
	if !errors.As(err, &v) {
		return offset.Unreachable
	}
	code := strings.ToLower(v.Code)
	missing := strings.Contains(code, "notfound") || strings.Contains(code, "notexist")
	switch {
	case missing && strings.Contains(code, "consumergroup"):
		return offset.GroupMissing
	case missing && strings.Contains(code, "topic"):
		return offset.TopicMissing
	case missing && strings.Contains(code, "instance"), code == "missinginstanceid", code == "invalidinstanceid":
		return offset.InstanceMissing
	case denied(code), v.Status == http.StatusUnauthorized, v.Status == http.StatusForbidden:
		return offset.Unauthorized
	case strings.Contains(code, "throttling"), v.Status == http.StatusTooManyRequests:
		return offset.Failed
	case v.Status >= 500:
		return offset.Unreachable
	default:
		return offset.Failed
	}
}

// denied tells whether a code, in lower case, speaks of keys or rights.
func denied(code string) bool {
	for _, prefix := range []string{
		"invalidaccesskeyid", "invalidsecuritytoken", "missingsecuritytoken", "signaturedoesnotmatch", "signaturenonceused",
		"incompletesignature", "invalidtimestamp", "forbidden", "nopermission", "unauthorized", "missingaccesskeyid",
	} {
		if strings.HasPrefix(code, prefix) {
			return true
		}
	}
	return false
}

// millis returns the instant of a timestamp in milliseconds; the API writes 0
// where it knows none.
func millis(s managed.Scalar) (time.Time, bool) {
	n, ok := s.Int()
	if !ok || n <= 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(n).UTC(), true
}

// count returns a number's text, or that it is not known.
func count(s managed.Scalar) string {
	n, ok := s.Int()
	if !ok {
		return "an unknown number of"
	}
	return strconv.FormatInt(n, 10)
}
