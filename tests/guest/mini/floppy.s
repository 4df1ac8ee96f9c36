# Floppy drive A by hand: reset, recalibrate, seek, reads and writes by DMA and by PIO, all with interrupts; and a line to
# the printer. (No expectations here: test_floppy.py runs it with a disk whose sector n holds the number n in every word.)
.include "prelude.inc"
.equ BUF, 0x20000

# A command from the bytes at a label, up to the next label
.macro command label
    mov esi, offset \label
    mov ecx, offset \label\()_end - \label
    call send
.endm

.macro bytes label, list:vararg
    .pushsection .rodata
\label: .byte \list
\label\()_end:
    .popsection
.endm

# DMA channel 2, so many bytes at BUF; mode 46h: to memory, 4Ah: from memory
.macro dma mode, count
    mov al, \mode
    mov ecx, \count - 1
    call set_dma
.endm

main:
    call set_up
    print "drive types "
    mov al, 0x10
    out 0x70, al
    in al, 0x71
    hex eax, 2
    newline

    print "reset"
    mov edx, 0x3f2
    xor eax, eax
    out dx, al
    mov al, 0x1c                        # motor A, DMA and interrupt, out of reset
    out dx, al
    call wait_irq
    mov ebx, 4
1:  command sense_int
    call get_results
    print " "
    hex [results], 2
    dec ebx
    jnz 1b
    newline

    command version
    call get_results
    print "version "
    hex [results], 2
    newline
    command specify
    mov edx, 0x3f7
    xor eax, eax
    out dx, al

    print "seek"
    command recalibrate
    call wait_irq
    command sense_int
    call show_results
    command seek_40
    call wait_irq
    command sense_int
    call show_results
    newline

    print "dma read"
    dma 0x46, 36*512                    # a whole cylinder
    command read_40
    call wait_irq
    call show_results
    print " data "
    hex [BUF]
    print " "
    hex [BUF+36*512-4]
    newline

    print "dma write"
    mov edi, BUF
    mov ecx, 384
    mov eax, 0xd0d00000
2:  stosd
    inc eax
    loop 2b
    dma 0x4a, 3*512
    command write_40
    call wait_irq
    call show_results
    newline

    print "pio read"
    command specify_pio
    command configure
    mov edi, BUF
    command read_pio
    call pio_in
    call show_results
    print " data "
    hex [BUF]
    print " "
    hex [BUF+1020]
    newline

    print "pio write"
    mov edi, BUF
    mov ecx, 256
    mov eax, 0xf0f00000
3:  stosd
    inc eax
    loop 3b
    mov esi, BUF
    push esi
    command write_pio
    pop esi
    call pio_out
    call show_results
    newline

    print "no such sector"
    command specify
    command read_bad
    call wait_irq
    call show_results
    newline

    mov ebx, offset line
4:  mov edx, 0x378
    mov al, [ebx]
    test al, al
    jz 6f
    out dx, al
    mov edx, 0x37a
    mov al, 0x0d
    out dx, al
    mov al, 0x0c
    out dx, al
    dec edx
5:  in al, dx
    test al, 0x80
    jz 5b
    inc ebx
    jmp 4b
6:  print "interrupts "
    hex [irqs], 2
    newline
    exit 0

bytes sense_int, 0x08
bytes version, 0x10
bytes specify, 0x03, 0xdf, 0x02
bytes specify_pio, 0x03, 0xdf, 0x03
bytes configure, 0x13, 0, 0x07, 0
bytes recalibrate, 0x07, 0
bytes seek_40, 0x0f, 0, 40
bytes read_40, 0xe6, 0, 40, 0, 1, 2, 18, 0x1b, 0xff
bytes write_40, 0xc5, 4, 40, 1, 3, 2, 18, 0x1b, 0xff
bytes read_pio, 0x46, 4, 40, 1, 4, 2, 5, 0x1b, 0xff
bytes write_pio, 0x45, 0, 40, 0, 17, 2, 18, 0x1b, 0xff
bytes read_bad, 0x46, 0, 40, 0, 19, 2, 19, 0x1b, 0xff
.pushsection .rodata
line: .asciz "printed\n"
.popsection

set_up:                                 # both 8259s, vectors 20 to 2f, only IRQ 6; the DMA cascade
    mov al, 0x11
    out 0x20, al
    out 0xa0, al
    mov al, 0x20
    out 0x21, al
    mov al, 0x28
    out 0xa1, al
    mov al, 4
    out 0x21, al
    mov al, 2
    out 0xa1, al
    mov al, 1
    out 0x21, al
    out 0xa1, al
    mov al, 0xbf
    out 0x21, al
    mov al, 0xff
    out 0xa1, al
    hook 0x26, on_irq6
    mov al, 0xc0
    out 0xd6, al
    xor eax, eax
    out 0xd4, al
    ret

on_irq6:
    inc dword ptr [irqs]
    mov dword ptr [pending], 1
    mov al, 0x20
    out 0x20, al
    ret

wait_irq:
    cli
    cmp dword ptr [pending], 0
    jne 1f
    sti
    hlt
    jmp wait_irq
1:  mov dword ptr [pending], 0
    ret

send:                                   # ECX bytes from ESI
    mov edx, 0x3f4
1:  in al, dx
    and al, 0xc0
    cmp al, 0x80
    jne 1b
    inc edx
    outsb
    dec edx
    loop 1b
    ret

get_results:                            # into results; ECX: how many
    mov edi, offset results
    xor ecx, ecx
    mov edx, 0x3f4
1:  in al, dx
    test al, 0x80
    jz 1b
    test al, 0x40
    jz 2f
    inc edx
    insb
    dec edx
    inc ecx
    jmp 1b
2:  ret

show_results:
    call get_results
    mov esi, offset results
1:  print " "
    lodsb
    hex eax, 2
    loop 1b
    ret

set_dma:                                # AL: mode, ECX: count - 1
    mov ah, al
    mov al, 6
    out 0x0a, al
    out 0x0c, al
    mov al, ah
    out 0x0b, al
    xor eax, eax
    out 0x04, al
    out 0x04, al
    mov al, BUF >> 16
    out 0x81, al
    mov al, cl
    out 0x05, al
    mov al, ch
    out 0x05, al
    mov al, 2
    out 0x0a, al
    ret

pio_in:                                 # to EDI, as long as there is data
    mov edx, 0x3f4
1:  in al, dx
    test al, 0x80
    jz 1b
    test al, 0x20
    jz 2f
    inc edx
    insb
    dec edx
    jmp 1b
2:  ret

pio_out:                                # from ESI
    mov edx, 0x3f4
1:  in al, dx
    test al, 0x80
    jz 1b
    test al, 0x20
    jz 2f
    inc edx
    outsb
    dec edx
    jmp 1b
2:  ret

.data
irqs: .long 0
pending: .long 0
results: .fill 16, 1, 0
.text
