package kafkaclient

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The numbers that stand for SCRAM mechanisms in requests.
var scramMechanisms = map[string]int8{"SCRAM-SHA-256": 1, "SCRAM-SHA-512": 2}

// scramIterations is the least that brokers take.
const scramIterations = 4096

// SetScram sets a user's password for SCRAM-SHA-256 or SCRAM-SHA-512, and
// waits until every broker knows it.
func (c *Client) SetScram(ctx context.Context, mechanism, user, password string) error {
	number, ok := scramMechanisms[mechanism]
	if !ok {
		return fmt.Errorf("set the password of %s: no SCRAM mechanism %q", user, mechanism)
	}
	credential, err := scramCredential(mechanism, password)
	if err != nil {
		return fmt.Errorf("set the password of %s: %w", user, err)
	}
	credential.Name, credential.Mechanism = user, number
	req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	req.Upsertions = append(req.Upsertions, credential)
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return fmt.Errorf("set the password of %s: %w", user, err)
	}
	for _, r := range resp.Results {
		if err := broken(r.ErrorCode, r.ErrorMessage); err != nil {
			return fmt.Errorf("set the password of %s: %w", user, err)
		}
	}
	what := fmt.Sprintf("every broker to know %s's %s password", user, mechanism)
	return c.everyBroker(ctx, what, func(broker kmsg.Requestor) (bool, error) {
		return knowsScram(ctx, broker, user, number)
	})
}

func scramCredential(mechanism, password string) (kmsg.AlterUserSCRAMCredentialsRequestUpsertion, error) {
	credential := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	credential.Iterations = scramIterations
	credential.Salt = make([]byte, 16)
	if _, err := rand.Read(credential.Salt); err != nil {
		return credential, err
	}
	hash, size := sha256.New, sha256.Size
	if mechanism == "SCRAM-SHA-512" {
		hash, size = sha512.New, sha512.Size
	}
	var err error
	credential.SaltedPassword, err = pbkdf2.Key(hash, password, credential.Salt, scramIterations, size)
	return credential, err
}

func knowsScram(ctx context.Context, broker kmsg.Requestor, user string, mechanism int8) (bool, error) {
	u := kmsg.NewDescribeUserSCRAMCredentialsRequestUser()
	u.Name = user
	req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	req.Users = append(req.Users, u)
	resp, err := req.RequestWith(ctx, broker)
	if err != nil {
		return false, err
	}
	for _, r := range resp.Results {
		for _, info := range r.CredentialInfos {
			if r.ErrorCode == 0 && info.Mechanism == mechanism {
				return true, nil
			}
		}
	}
	return false, broken(resp.ErrorCode, resp.ErrorMessage)
}
