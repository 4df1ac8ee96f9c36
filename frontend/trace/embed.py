#!/usr/bin/env python3
"""embed.py HTML CSS JS: a C source with the page for "orrery-trace html", cut where the data goes (page.h)."""
import sys

html, css, js = (open(name, encoding="utf-8").read() for name in sys.argv[1:4])
head, tail = html.replace("@CSS@", css).replace("@JS@", js).split("@DATA@")
print('#include "frontend/trace/page.h"')
for name, text in (("page_head", head), ("page_tail", tail)):
    data = text.encode()
    print(f"const size_t {name}_bytes = {len(data)};\nconst unsigned char {name}[] = {{")
    for at in range(0, len(data), 16):
        print("    " + " ".join(f"{b}," for b in data[at:at + 16]))
    print("};")
