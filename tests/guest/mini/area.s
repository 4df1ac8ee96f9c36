# Writes what a guest without a BIOS finds of the VGA BIOS's: equipment, data area, vectors: test_vgabios.py.
.include "prelude.inc"
main:
    mov dx, 0xe9
    mov al, [0x410]
    and al, 0x30
    out dx, al
    .irp at, 0x449, 0x450, 0x460, 0x484, 0x4a8, 0x40, 0x74, 0x7c, 0x10c
    mov esi, \at
    mov ecx, 4
    rep outsb
    .endr
    exit 0
