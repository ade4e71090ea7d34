-- marker.lua - leaves word for neighbours that there is work.

places().add_marker("@", read_meta("@"))
return 1
