/**
 * Pictures are made anew from whatever was sent: turned upright, cut to a square, without metadata, in one size and one
 * format that every service and client takes. So nothing of a file from outside is ever handed on.
 */
import type Sharp from 'sharp'
import { Refusal } from '../platform/errors.ts'

export const pictureBounds = {
  /** Of what is sent. */
  bytesMax: 10 * 1024 ** 2,
  /** Of what is sent: a photo of a telephone has up to 50 million. */
  pixelsMax: 50_000_000,
  /** Of what is made of it: its width and height. */
  side: 512,
  secondsMax: 15,
  /** Pictures of this node that wait for their turn, each with its bytes in memory. */
  waitingMax: 12,
} as const

export const pictureTypes = ['image/png', 'image/jpeg', 'image/webp', 'image/gif', 'image/avif'] as const

/**
 * A JPEG of 512 x 512 pixels. Of what moves it is the first frame; what is transparent becomes white.
 * @throws Refusal picture_invalid for what is no picture, broken or too large; pictures_busy.
 */
export async function makePicture(bytes: Buffer): Promise<Buffer> {
  if (bytes.length > pictureBounds.bytesMax) throw new Refusal('payload_too_large')
  if (!isPicture(bytes)) throw new Refusal('picture_invalid', 'It is no PNG, JPEG, WebP, GIF or AVIF.')
  return await inTurn(() => convert(bytes))
}

/** By its first bytes: what the sender calls it does not matter. */
function isPicture(bytes: Buffer): boolean {
  const text = (from: number, to: number): string => bytes.toString('latin1', from, to)
  return (
    text(0, 8) === '\x89PNG\r\n\x1a\n' ||
    text(0, 3) === '\xff\xd8\xff' ||
    (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') ||
    text(0, 6) === 'GIF87a' ||
    text(0, 6) === 'GIF89a' ||
    (text(4, 8) === 'ftyp' && ['avif', 'avis', 'mif1'].includes(text(8, 12)))
  )
}

async function convert(bytes: Buffer): Promise<Buffer> {
  const sharp = await loadSharp()
  const { side, pixelsMax, secondsMax } = pictureBounds
  try {
    return await sharp(bytes, { limitInputPixels: pixelsMax, failOn: 'error', pages: 1 })
      .timeout({ seconds: secondsMax })
      .autoOrient()
      .resize(side, side, { fit: 'cover', position: 'centre' })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .jpeg({ quality: 85 })
      .toBuffer()
  } catch (cause) {
    throw new Refusal('picture_invalid', reasonOf(cause), { cause })
  }
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : ''
  if (/pixel limit/i.test(text)) return `It has more than ${pictureBounds.pixelsMax} pixels.`
  if (/timeout/i.test(text)) return 'It takes too long to be read.'
  return 'It is broken, or ends too early.'
}

// Loaded with the first picture: the library takes its time and memory, and most nodes never see one.
let loading: Promise<typeof Sharp> | null = null

function loadSharp(): Promise<typeof Sharp> {
  loading ??= importSharp()
  return loading
}

async function importSharp(): Promise<typeof Sharp> {
  const { default: sharp } = await import('sharp')
  sharp.concurrency(1) // threads for each picture
  sharp.cache(false) // no picture comes twice
  // Only these readers, also where a file looks like one thing and is another: none of SVG, PDF or TIFF.
  sharp.block({ operation: ['VipsForeignLoad'] })
  sharp.unblock({
    operation: [
      'VipsForeignLoadPngBuffer',
      'VipsForeignLoadJpegBuffer',
      'VipsForeignLoadWebpBuffer',
      'VipsForeignLoadNsgifBuffer',
      'VipsForeignLoadHeifBuffer',
    ],
  })
  return sharp
}

let last: Promise<unknown> = Promise.resolve()
let waiting = 0

/** One after the other: the work takes a processor and, for a large picture, a few hundred megabytes. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (waiting >= pictureBounds.waitingMax) throw new Refusal('pictures_busy')
  waiting++
  const turn = last.then(work)
  last = turn.catch(() => undefined)
  try {
    return await turn
  } finally {
    waiting--
  }
}
