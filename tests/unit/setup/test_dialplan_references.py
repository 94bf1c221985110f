"""The lines of a dialplan that lead to cc_bridge's contexts."""

from cc_bridge.setup.block import with_block
from cc_bridge.setup.dialplan_references import references

DIALPLAN = """\
[incoming]
exten => 8001,1,Answer()
 same => n,Gosub(cc-bridge-queue,s,1(sales,t,300)) ; the survey
; same => n,Gosub(cc-bridge-consent,s,1())
 same => n,Queue(sales,t) ; not cc-bridge-queue
exten => 8099,1,Goto(cc-bridge-transfer,s,1)
include => cc-bridge-survey
"""


def test_code_counts_and_comments_do_not():
    assert list(references(DIALPLAN)) == [
        "same => n,Gosub(cc-bridge-queue,s,1(sales,t,300))",
        "exten => 8099,1,Goto(cc-bridge-transfer,s,1)",
        "include => cc-bridge-survey",
    ]


def test_the_lines_of_setup_do_not_count():
    assert list(references(with_block("[general]\n", ["exten => 1,1,Goto(cc-bridge-transfer,s,1)"]))) == []
