package wire

import (
	"testing"

	"github.com/IBM/sarama"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
)

func TestMeanings(t *testing.T) {
	for _, tc := range []struct {
		api    API
		code   sarama.KError
		do     Do
		landed bool
		right  string
		words  string
	}{
		// The same code means different things to different requests.
		{api: OffsetCommitAPI, code: -1, do: Split},
		{api: OffsetFetchAPI, code: -1, do: Fail},
		{api: ListOffsetsAPI, code: -1, do: Fail},
		{api: OffsetCommitAPI, code: 3, do: Fail, words: "the topic or partition does not exist any more"},
		{api: ListOffsetsAPI, code: 3, do: Relocate},
		{api: FetchAPI, code: 3, do: Relocate},
		{api: OffsetCommitAPI, code: 35, do: Busy, words: "the group became active"},
		{api: ConsumerGroupDescribeAPI, code: 35, do: Fail},
		{api: OffsetCommitAPI, code: 30, do: Fail, right: "READ", words: "no right READ on the group"},
		{api: OffsetDeleteAPI, code: 30, do: Fail, right: "DELETE", words: "no right DELETE on the group"},
		{api: OffsetFetchAPI, code: 30, do: Fail, right: "DESCRIBE", words: "no right DESCRIBE on the group"},
		{api: DescribeGroupsAPI, code: 30, do: Fail, right: "DESCRIBE"},
		{api: FindCoordinatorAPI, code: 30, do: Fail, right: "DESCRIBE"},
		{api: OffsetCommitAPI, code: 29, do: Fail, right: "READ", words: "no right READ on the topic"},
		{api: OffsetDeleteAPI, code: 29, do: Fail, right: "READ"},
		{api: OffsetFetchAPI, code: 29, do: Fail, right: "DESCRIBE"},
		{api: ListOffsetsAPI, code: 29, do: Fail, right: "DESCRIBE"},
		{api: FetchAPI, code: 29, do: Fail, right: "READ"},
		{api: FetchAPI, code: 1, do: Fail, words: "the log does not hold the offset any more"},

		// Of a coordinator.
		{api: OffsetCommitAPI, code: 14, do: Again},
		{api: DescribeGroupsAPI, code: 14, do: Again},
		{api: FindCoordinatorAPI, code: 15, do: Relocate, landed: true},
		{api: OffsetCommitAPI, code: 15, do: Relocate, landed: true},
		{api: OffsetDeleteAPI, code: 16, do: Relocate, landed: true},
		{api: OffsetCommitAPI, code: 7, do: Relocate, landed: true},

		// Of a leader.
		{api: ListOffsetsAPI, code: 5, do: Relocate},
		{api: ListOffsetsAPI, code: 6, do: Relocate},
		{api: FetchAPI, code: 6, do: Relocate},
		{api: ListOffsetsAPI, code: 9, do: Relocate},
		{api: ListOffsetsAPI, code: 56, do: Relocate},
		{api: FetchAPI, code: 74, do: Relocate},
		{api: ListOffsetsAPI, code: 75, do: Relocate},
		{api: ListOffsetsAPI, code: 78, do: Relocate},
		{api: ListOffsetsAPI, code: 7, do: Relocate, landed: true},

		// Of a group with members.
		{api: OffsetCommitAPI, code: 22, do: Busy},
		{api: OffsetCommitAPI, code: 25, do: Busy},
		{api: OffsetCommitAPI, code: 27, do: Busy},
		{api: OffsetDeleteAPI, code: 68, do: Busy},
		{api: OffsetCommitAPI, code: 82, do: Busy},
		{api: OffsetCommitAPI, code: 110, do: Busy},
		{api: OffsetCommitAPI, code: 111, do: Busy},
		{api: OffsetCommitAPI, code: 113, do: Busy},
		{api: OffsetDeleteAPI, code: 86, do: Busy, words: "an active member of the group is subscribed to the topic"},
		{api: DescribeGroupsAPI, code: 25, do: Fail},

		// Of the request's size.
		{api: OffsetCommitAPI, code: 10, do: Split, words: "the commit is larger than the broker's limit"},
		{api: OffsetCommitAPI, code: 28, do: Split},
		{api: OffsetDeleteAPI, code: 18, do: Split},
		{api: OffsetCommitAPI, code: 12, do: Fail, words: "the commit's metadata is larger than the broker's limit"},

		// Of a share group.
		{api: AlterShareGroupOffsetsAPI, code: 68, do: Busy, words: "the group became active"},
		{api: DeleteShareGroupOffsetsAPI, code: 68, do: Busy},
		{api: AlterShareGroupOffsetsAPI, code: 69, do: Fail, words: "the group is no share group, or it was deleted meanwhile"},
		{api: AlterShareGroupOffsetsAPI, code: -1, do: Fail},
		{api: AlterShareGroupOffsetsAPI, code: 35, do: Fail},
		{api: AlterShareGroupOffsetsAPI, code: 3, do: Fail, words: "the topic or partition does not exist any more"},
		{api: AlterShareGroupOffsetsAPI, code: 29, do: Fail, right: "READ"},
		{api: AlterShareGroupOffsetsAPI, code: 30, do: Fail, right: "READ"},
		{api: DeleteShareGroupOffsetsAPI, code: 30, do: Fail, right: "DELETE"},
		{api: DescribeShareGroupOffsetsAPI, code: 30, do: Fail, right: "DESCRIBE"},
		{api: AlterShareGroupOffsetsAPI, code: 15, do: Relocate, landed: true},
		{api: AlterShareGroupOffsetsAPI, code: 16, do: Relocate, landed: true},

		// Of a broker that the coordinator of a share group asks.
		{api: DescribeShareGroupOffsetsAPI, code: 5, do: Again, landed: true},
		{api: DescribeShareGroupOffsetsAPI, code: 6, do: Again, landed: true},
		{api: DescribeShareGroupOffsetsAPI, code: 74, do: Again, landed: true},
		{api: DescribeShareGroupOffsetsAPI, code: 78, do: Again, landed: true},
		{api: DescribeShareGroupOffsetsAPI, code: 3, do: Fail},
		{api: AlterShareGroupOffsetsAPI, code: 6, do: Again, landed: true},
		{api: DeleteShareGroupOffsetsAPI, code: 6, do: Again, landed: true},

		{api: OffsetCommitAPI, code: 0, do: Nothing},
		{api: OffsetCommitAPI, code: 24, do: Fail, words: "The provided group id was empty"},
	} {
		m := MeaningOf(tc.api, tc.code)
		if m.Do != tc.do || m.Landed != tc.landed || m.Right != tc.right || tc.words != "" && m.Words != tc.words {
			t.Errorf("request %d, code %d: %+v", tc.api, tc.code, m)
		}
		if m.Words == "" && m.Do != Nothing {
			t.Errorf("request %d, code %d: no words", tc.api, tc.code)
		}
	}
}

func TestFailures(t *testing.T) {
	for _, tc := range []struct {
		api   API
		code  sarama.KError
		on    string
		as    offset.Code
		words []string
	}{
		{OffsetDeleteAPI, 30, "billing", offset.Unauthorized, []string{`no right DELETE on the group "billing"`}},
		{ListOffsetsAPI, 29, "orders", offset.Unauthorized, []string{`no right DESCRIBE on the topic "orders"`}},
		{ListOffsetsAPI, 43, "orders", offset.Unsupported, []string{"List: it holds records of a format without times", "Give an offset"}},
		{ListOffsetsAPI, 42, "orders", offset.Failed, []string{"List: kafka server"}},
	} {
		wantError(t, MeaningOf(tc.api, tc.code).Failure("List", tc.code, tc.on), tc.as, tc.words...)
	}
}
