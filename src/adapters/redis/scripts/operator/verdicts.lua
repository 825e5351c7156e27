-- What each brake says of a command, for people. Writes nothing.
local key, arg, foreign = called('cmd hash', unpack(GATE_KEYS))
if foreign then return foreign end
return reply({ kind = 'asked', verdicts = every_verdict(key, arg.ask, arg.gate) })
