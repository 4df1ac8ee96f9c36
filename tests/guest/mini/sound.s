# Sound Blaster 16, its OPL3 and the loudspeaker, one after the other, a tenth of a second each: found as programs find
# them, timed by interrupts. (No expectations here: test_sound.py runs it and looks at the sound.)
.include "prelude.inc"
.equ BUF, 0x20000                       # 4410 frames of 16-bit stereo: the ramp that test_sound.py knows

.macro dsp bytes:vararg                 # bytes to the DSP, each when it is ready
    .irp byte, \bytes
    mov bl, \byte
    call dsp_send
    .endr
.endm

.macro opl reg, value
    mov bx, (\value) << 8 | \reg
    call opl_send
.endm

main:
    call set_up
    print "reset "
    mov edx, 0x226
    mov al, 1
    out dx, al
    mov ecx, 4000                       # more than 3 us
1:  loop 1b
    xor eax, eax
    out dx, al
    call dsp_get
    hex eax, 2
    print " version "
    dsp 0xe1
    call dsp_get
    hex eax, 2
    call dsp_get
    hex eax, 2
    newline

    print "interrupt "
    dsp 0xf2
    call wait_irq
    hex [status], 2
    newline

    print "opl "
    opl 0x04, 0x60
    opl 0x04, 0x80
    mov edx, 0x388
    in al, dx
    hex eax, 2
    opl 0x02, 0xff
    opl 0x04, 0x21
    mov ecx, 100000
2:  loop 2b
    print " "
    mov edx, 0x388
    in al, dx
    hex eax, 2
    opl 0x04, 0x60
    opl 0x04, 0x80
    newline

    mov edx, 0x224                      # all volumes up
    mov ecx, 6
    mov ax, 0xf830
3:  out dx, ax
    inc eax
    loop 3b

    dsp 0x41, 0x1f, 0x40                # 8 kHz
    print "speaker "
    mov al, 0xb6
    out 0x43, al
    mov al, 1193 & 0xff
    out 0x42, al
    mov al, 1193 >> 8
    out 0x42, al
    in al, 0x61
    or al, 3
    out 0x61, al
    call tenth
    in al, 0x61
    and al, 0xfc
    out 0x61, al
    hex [status], 2
    newline

    print "fm "
    opl 0x20, 0x21
    opl 0x40, 0x3f
    opl 0x60, 0xf0
    opl 0x80, 0x0f
    opl 0x23, 0x21
    opl 0x43, 0x00
    opl 0x63, 0xf0
    opl 0x83, 0x0f
    opl 0xc0, 0x31
    opl 0xa0, 0x44
    opl 0xb0, 0x32                      # 440 Hz
    call tenth
    opl 0xb0, 0x12
    hex [status], 2
    newline
    call tenth

    print "16 bits"
    mov edi, BUF
    xor ecx, ecx
4:  lea eax, [ecx + ecx * 4 - 11000]    # left: 5 i - 11000
    stosw
    neg eax                             # right: the opposite
    stosw
    inc ecx
    cmp ecx, 4410
    jb 4b
    mov ecx, 4410 * 2 - 1               # channel 5, words
    mov al, 0x49
    call set_dma5
    dsp 0x41, 44100 >> 8, 44100 & 0xff
    dsp 0xb0, 0x30, (4410*2-1) & 0xff, (4410*2-1) >> 8
    call wait_irq
    print " "
    hex [status], 2
    newline
    dsp 0x41, 0x1f, 0x40
    call tenth

    print "8 bits"
    mov edi, BUF
    xor eax, eax
    mov ecx, 400
5:  stosb                               # a period is 32 samples: 250 Hz
    add al, 8
    loop 5b
    mov ecx, 399
    mov al, 0x59                        # channel 1, again and again
    call set_dma1
    dsp 0x48, 199, 0, 0x1c
    mov ebp, 4
6:  call wait_irq
    print " "
    call count1
    hex eax, 4
    dec ebp
    jnz 6b
    dsp 0xd0                            # 25 ms more have nothing to play
    newline
    call tenth
    print "interrupts "
    hex [irqs], 2
    newline
    exit 0

tenth:                                  # 800 samples of silence
    dsp 0x80, 799 & 0xff, 799 >> 8
wait_irq:
    cli
    cmp dword ptr [pending], 0
    jne 1f
    sti
    hlt
    jmp wait_irq
1:  mov dword ptr [pending], 0
    ret

dsp_send:                               # BL
    mov edx, 0x22c
1:  in al, dx
    test al, al
    js 1b
    mov al, bl
    out dx, al
    ret

dsp_get:                                # EAX
    mov edx, 0x22e
1:  in al, dx
    test al, al
    jns 1b
    mov edx, 0x22a
    in al, dx
    movzx eax, al
    ret

opl_send:                               # BL: register, BH: value
    mov edx, 0x388
    mov al, bl
    out dx, al
    inc edx
    mov al, bh
    out dx, al
    ret

count1:                                 # EAX: what the DMA controller has left
    xor eax, eax
    out 0x0c, al
    in al, 0x03
    mov ah, al
    in al, 0x03
    xchg al, ah
    ret

set_dma1:                               # AL: mode, ECX: count - 1
    mov ah, al
    mov al, 5
    out 0x0a, al
    out 0x0c, al
    mov al, ah
    out 0x0b, al
    xor eax, eax
    out 0x02, al
    out 0x02, al
    mov al, BUF >> 16
    out 0x83, al
    mov al, cl
    out 0x03, al
    mov al, ch
    out 0x03, al
    mov al, 1
    out 0x0a, al
    ret

set_dma5:
    mov ah, al
    mov al, 5
    out 0xd4, al
    out 0xd8, al
    mov al, ah
    out 0xd6, al
    xor eax, eax
    out 0xc4, al
    out 0xc4, al
    mov al, BUF >> 16
    out 0x8b, al
    mov al, cl
    out 0xc6, al
    mov al, ch
    out 0xc6, al
    mov al, 1
    out 0xd4, al
    ret

set_up:                                 # both 8259s, vectors 20 to 2f, only IRQ 5; the DMA cascade
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
    mov al, 0xdf
    out 0x21, al
    mov al, 0xff
    out 0xa1, al
    hook 0x25, on_irq5
    mov al, 0xc0
    out 0xd6, al
    xor eax, eax
    out 0xd4, al
    ret

on_irq5:                                # mixer register 82h tells whose it is
    mov edx, 0x224
    mov al, 0x82
    out dx, al
    inc edx
    in al, dx
    mov [status], al
    mov edx, 0x22e
    test al, 1
    jnz 1f
    inc edx
1:  in al, dx
    inc dword ptr [irqs]
    mov dword ptr [pending], 1
    mov al, 0x20
    out 0x20, al
    ret

.data
irqs: .long 0
pending: .long 0
status: .long 0
.text
