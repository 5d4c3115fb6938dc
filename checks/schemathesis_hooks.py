"""Gives schemathesis sign-ins with slots, or a session with its backup, for half of its signed calls.

Without them no call would get past the sign-in. Each line of the file that SIGN_INS names is one of
them, made by the trial `sign_ins`.
"""

import json
import os
import random

import schemathesis

with open(os.environ["SIGN_INS"]) as lines:
    *SIGN_INS, BACKUP = [json.loads(line) for line in lines]


@schemathesis.hook
def before_call(context, case, kwargs):
    if not case.operation.definition.raw.get("security") or not SIGN_INS or random.random() < 0.5:
        return
    if case.operation.path.startswith("/backups/"):
        for name in ("publicKey", "userId"):
            if name in (case.path_parameters or {}):
                case.path_parameters[name] = BACKUP[name]
        case.headers["authorization"] = BACKUP["authorization"]
        return
    sign_in = SIGN_INS.pop()
    if case.path_parameters and "slot" in case.path_parameters:
        case.path_parameters["slot"] = sign_in["slot"]
    case.headers.update({name: value for name, value in sign_in.items() if name != "slot"})
