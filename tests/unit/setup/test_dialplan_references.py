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


def test_comments_of_several_lines_do_not_count():
    text = "[a]\n;-- exten => 1,1,Goto(cc-bridge-survey,s,1)\nexten => 2,1,Goto(cc-bridge-queue,s,1) --;\n"
    assert list(references(text + "exten => 3,1,Goto(cc-bridge-consent,s,1)\n")) == [
        "exten => 3,1,Goto(cc-bridge-consent,s,1)"
    ]


AEL = """\
context incoming {
    // 8001 => Gosub(cc-bridge-queue,s,1(sales,t,300));
    8002 => { Gosub(cc-bridge-queue,s,1(support,t,300)); } // the survey
    /* 8003 => Gosub(cc-bridge-queue,
       s,1(cc-bridge-queue)); */
    8004 => NoOp("http://x"); Goto(cc-bridge-transfer,s,1);
};
"""
LUA = """\
-- app.gosub("cc-bridge-queue,s,1(sales)")
--[[ app.gosub("cc-bridge-queue,s,1(sales)")
app["goto"]("cc-bridge-transfer,s,1") ]]
app.gosub("cc-bridge-queue,s,1(sales)") -- the survey
say = "--"; app["goto"]("cc-bridge-transfer,s,1")
"""


def test_comments_of_ael_do_not_count():
    assert list(references(AEL, ".ael")) == [
        "8002 => { Gosub(cc-bridge-queue,s,1(support,t,300)); }",
        '8004 => NoOp("http://x"); Goto(cc-bridge-transfer,s,1);',
    ]


def test_comments_of_lua_do_not_count():
    assert list(references(LUA, ".lua")) == [
        'app.gosub("cc-bridge-queue,s,1(sales)")',
        'say = "--"; app["goto"]("cc-bridge-transfer,s,1")',
    ]
