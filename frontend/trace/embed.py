#!/usr/bin/env python3
"""embed.py HTML CSS JS: a C header with the page for "orrery-trace html", cut where the data goes."""
import sys

html, css, js = (open(name, encoding="utf-8").read() for name in sys.argv[1:4])
head, tail = html.replace("@CSS@", css).replace("@JS@", js).split("@DATA@")
for name, text in (("page_head", head), ("page_tail", tail)):
    print(f"static const unsigned char {name}[] = {{")
    data = text.encode()
    for at in range(0, len(data), 16):
        print("    " + " ".join(f"{b}," for b in data[at:at + 16]))
    print("};")
