/** Pictures for tests, made as they are needed. */
import { crc32, deflateSync } from 'node:zlib'
import sharp, { type Sharp } from 'sharp'

export type Colour = { r: number; g: number; b: number }

export const red: Colour = { r: 255, g: 0, b: 0 }
export const blue: Colour = { r: 0, g: 0, b: 255 }

/** Of one colour in all its parts; nothing is read by the library, which may be told to read little. */
export function plain(colour: Colour, width = 64, height = 64): Sharp {
  return sharp({ create: { width, height, channels: 3, background: colour } })
}

/** The upper half of one colour, the lower of another. */
export function halves(upper: Colour, lower: Colour, side = 64): Sharp {
  const pixels = Buffer.alloc(side * side * 3)
  for (let at = 0; at < side * side; at++) {
    const { r, g, b } = at < (side * side) / 2 ? upper : lower
    pixels.set([r, g, b], at * 3)
  }
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
}

/** The same in CMYK, as printers have it. */
export async function cmykJpeg(): Promise<Buffer> {
  return await plain(red).toColourspace('cmyk').jpeg().toBuffer()
}

/** Two frames, the first of them red. */
export function animated(): Sharp {
  const side = 32
  const frame = ({ r, g, b }: Colour): Buffer => Buffer.alloc(side * side * 3, Buffer.from([r, g, b]))
  return sharp(Buffer.concat([frame(red), frame(blue)]), {
    raw: { width: side, height: side * 2, channels: 3, pageHeight: side },
  })
}

/** A PNG that says of itself how large it is, and has but a few bytes (PNG §11.2.1). */
export function pngOfSize(width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([1, 0], 8) // one bit for each pixel, in grey
  const row = Buffer.alloc(Math.ceil(width / 8) + 1)
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(Array.from({ length: Math.min(height, 100) }, () => row)))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}

/** The colour of one pixel of a JPEG. */
export async function colourAt(jpeg: Buffer, x: number, y: number): Promise<Colour> {
  const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true })
  const at = (y * info.width + x) * info.channels
  return { r: data[at] ?? -1, g: data[at + 1] ?? -1, b: data[at + 2] ?? -1 }
}
