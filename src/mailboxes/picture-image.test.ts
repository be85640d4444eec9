import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import sharp from 'sharp'
import { Refusal } from '../platform/errors.ts'
import {
  animated,
  blue,
  type Colour,
  cmykJpeg,
  colourAt,
  halves,
  plain,
  pngOfSize,
  red,
} from '../testing/test-pictures.ts'
import { makePicture, pictureBounds } from './picture-image.ts'

const isCode =
  (code: string, detail = /./) =>
  (error: unknown) =>
    error instanceof Refusal && error.code === code && detail.test(error.detail)

/** Whether two colours look the same: JPEG changes them a little. */
function assertColour(seen: Colour, wanted: Colour): void {
  for (const part of ['r', 'g', 'b'] as const)
    assert.ok(
      Math.abs(seen[part] - wanted[part]) < 30,
      `${JSON.stringify(seen)} is ${JSON.stringify(wanted)}`,
    )
}

async function assertSafe(jpeg: Buffer): Promise<void> {
  const { format, width, height, space, channels, exif, xmp, iptc, icc, orientation, hasAlpha, pages } =
    await sharp(jpeg).metadata()
  assert.deepEqual(
    { format, width, height, space, channels, exif, xmp, iptc, icc, orientation, hasAlpha, pages },
    {
      format: 'jpeg',
      width: 512,
      height: 512,
      space: 'srgb',
      channels: 3,
      exif: undefined,
      xmp: undefined,
      iptc: undefined,
      icc: undefined,
      orientation: undefined,
      hasAlpha: false,
      pages: undefined,
    },
  )
}

const taken: [what: string, make: () => Promise<Buffer>][] = [
  ['PNG', () => plain(red).png().toBuffer()],
  ['JPEG', () => plain(red).jpeg().toBuffer()],
  ['WebP', () => plain(red).webp().toBuffer()],
  ['GIF', () => plain(red).gif().toBuffer()],
  ['AVIF', () => plain(red).avif().toBuffer()],
  ['one pixel', () => plain(red, 1, 1).png().toBuffer()],
  ['a strip', () => plain(red, 4000, 3).png().toBuffer()],
  ['a PNG of 16 bits', () => plain(red).toColourspace('rgb16').png().toBuffer()],
  ['a JPEG in CMYK', cmykJpeg],
  ['an animated GIF, by its first frame', () => animated().gif().toBuffer()],
  ['an animated WebP, by its first frame', () => animated().webp().toBuffer()],
]
for (const [what, make] of taken) {
  test(`taken: ${what}`, async () => {
    const jpeg = await makePicture(await make())
    await assertSafe(jpeg)
    assertColour(await colourAt(jpeg, 256, 256), red)
  })
}

test('one bit for each pixel in grey becomes colours', async () => {
  const jpeg = await makePicture(pngOfSize(100, 100))
  await assertSafe(jpeg)
  assertColour(await colourAt(jpeg, 1, 1), { r: 0, g: 0, b: 0 })
})

test('what is transparent becomes white', async () => {
  const clear = { create: { width: 9, height: 9, channels: 4, background: '#ff000000' } } as const
  const jpeg = await makePicture(await sharp(clear).png().toBuffer())
  assertColour(await colourAt(jpeg, 9, 9), { r: 255, g: 255, b: 255 })
})

test('it is turned upright, and where it was taken is gone', async () => {
  const file = await halves(red, blue)
    .withMetadata({ orientation: 3 }) // upside down
    .withExifMerge({
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '52/1 31/1 0/1' },
      IFD0: { Artist: 'SECRET' },
    })
    .jpeg()
    .toBuffer()
  assert.ok(file.includes('SECRET'))
  const jpeg = await makePicture(file)
  await assertSafe(jpeg)
  assert.ok(!jpeg.includes('SECRET') && !jpeg.includes('Exif'))
  assertColour(await colourAt(jpeg, 256, 20), blue)
  assertColour(await colourAt(jpeg, 256, 490), red)
})

test('what is hidden behind or in a picture is gone', async () => {
  const page = '<script>alert(1)</script>'
  const [png, gif] = await Promise.all([plain(red).png().toBuffer(), plain(red).gif().toBuffer()])
  const comment = Buffer.concat([Buffer.from([0x21, 0xfe, page.length]), Buffer.from(page), Buffer.from([0])])
  const files = [
    Buffer.concat([await plain(red).jpeg().toBuffer(), Buffer.from(`PK\x03\x04${page}`)]),
    Buffer.concat([png, Buffer.from(page)]),
    Buffer.concat([gif.subarray(0, -1), comment, Buffer.from([0x3b])]),
  ]
  for (const file of files) {
    const jpeg = await makePicture(file)
    await assertSafe(jpeg)
    assert.ok(!jpeg.includes('script'))
  }
})

const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
const notTaken: [what: string, bytes: Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('hello')],
  ['SVG', Buffer.from(svg)],
  ['SVG with a declaration', Buffer.from(`<?xml version="1.0"?>${svg}`)],
  ['SVG behind the first bytes of a GIF', Buffer.from(`GIF89a${svg}`)],
  [
    'SVG behind the first bytes of a PNG',
    Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from(svg)]),
  ],
  ['PDF', Buffer.from('%PDF-1.7\n')],
  ['TIFF', Buffer.from('49492a0008000000', 'hex')],
  ['BMP', Buffer.from('BM\x46\0\0\0')],
  ['HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')],
  ['an AVIF of its name alone', Buffer.from('\0\0\0\x18ftypavif\0\0\0\0mif1avif', 'latin1')],
  ['a JPEG of its first bytes alone', Buffer.from('ffd8ffe0', 'hex')],
  ['a WebP of its first bytes alone', Buffer.from('RIFF\xff\xff\xff\xffWEBPVP8 ', 'latin1')],
]
for (const [what, bytes] of notTaken) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(makePicture(bytes), isCode('picture_invalid', /PNG, JPEG|broken/))
  })
}

test('refused: what ends too early', async () => {
  const noise = {
    create: { width: 200, height: 200, channels: 3, background: red, noise: { type: 'gaussian' } },
  } as const
  for (const format of ['png', 'jpeg', 'webp', 'gif', 'avif'] as const) {
    const whole = await sharp({
      ...noise,
      create: { ...noise.create, noise: { type: 'gaussian', mean: 128, sigma: 30 } },
    })
      .toFormat(format)
      .toBuffer()
    await makePicture(whole)
    await assert.rejects(makePicture(whole.subarray(0, whole.length / 2)), isCode('picture_invalid'), format)
  }
})

test('refused: more pixels than memory should hold, whatever few bytes they come in', async () => {
  const jpeg = await plain(red).jpeg().toBuffer()
  const frame = jpeg.indexOf(Buffer.from('ffc0', 'hex'))
  jpeg.writeUInt16BE(65_500, frame + 5)
  jpeg.writeUInt16BE(65_500, frame + 7)
  const gif = await plain(red).gif().toBuffer()
  const image = gif.indexOf(Buffer.from('2c00000000', 'hex'))
  for (const at of [6, 8, image + 5, image + 7]) gif.writeUInt16LE(65_000, at)
  for (const file of [pngOfSize(50_000, 50_000), pngOfSize(7072, 7072), jpeg, gif]) {
    await assert.rejects(makePicture(file), isCode('picture_invalid', /pixels/))
  }
})

test('refused: more bytes than there may be', async () => {
  const png = await plain(red).png().toBuffer()
  const large = Buffer.concat([png, Buffer.alloc(pictureBounds.bytesMax)])
  await assert.rejects(makePicture(large), isCode('payload_too_large'))
})

test('whatever bytes stand in a file, it is refused or made anew', async () => {
  const file = await halves(red, blue).jpeg().toBuffer()
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 8 }),
      async (changes) => {
        const changed = Buffer.from(file)
        for (const [at, byte] of changes) changed[at] = byte
        try {
          await assertSafe(await makePicture(changed))
        } catch (error) {
          assert.ok(isCode('picture_invalid')(error), String(error))
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('more pictures at once than may wait are refused, and the others are made', async () => {
  const file = await plain(red, 1000, 1000).png().toBuffer()
  const settled = await Promise.allSettled(
    Array.from({ length: pictureBounds.waitingMax + 5 }, () => makePicture(file)),
  )
  const refusals = settled.filter((one) => one.status === 'rejected')
  assert.equal(refusals.length, 5)
  assert.ok(refusals.every((one) => isCode('pictures_busy')(one.reason)))
  await makePicture(file)
})
