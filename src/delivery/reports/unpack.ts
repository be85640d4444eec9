/**
 * Unpacking a report that came as gzip or ZIP (RFC 7489 §7.2.1.1, RFC 8460 §5.3). Strangers send these, so that an
 * archive that swells is refused while it is unpacked, not after.
 */
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { fromBufferPromise } from 'yauzl'
import { reportLimits } from './limits.ts'

/** Why a report was not taken; the text is kept for whoever looks. */
export class ReportRefused extends Error {
  constructor(reason: string, cause?: unknown) {
    super(reason, { cause })
    this.name = 'ReportRefused'
  }
}

/** @returns the report as text. What is neither gzip nor ZIP is the text itself. @throws ReportRefused. */
export async function unpackReport(packed: Buffer): Promise<string> {
  if (packed.length > reportLimits.packedBytesMax) throw new ReportRefused('the report is too large')
  return (await unpackedBytes(packed)).toString('utf8')
}

async function unpackedBytes(packed: Buffer): Promise<Buffer> {
  if (packed[0] === 0x1f && packed[1] === 0x8b) return await gunzipBounded(packed)
  if (packed.subarray(0, 4).equals(zipMagic)) return await unzipBounded(packed)
  return packed
}

const zipMagic = Buffer.from('PK\x03\x04')

async function gunzipBounded(packed: Buffer): Promise<Buffer> {
  const gunzip = createGunzip()
  gunzip.on('error', () => undefined) // the reading below is told
  gunzip.end(packed)
  return await readBounded(gunzip, packed.length)
}

/** The only file of the archive; directories do not count. */
async function unzipBounded(packed: Buffer): Promise<Buffer> {
  try {
    const zip = await fromBufferPromise(packed, { lazyEntries: true, autoClose: false })
    if (zip.entryCount > 10) throw new ReportRefused('the archive holds more than a report')
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith('/')) continue
      if (entry.isEncrypted()) throw new ReportRefused('the archive is encrypted')
      return await readBounded(await zip.openReadStreamPromise(entry), packed.length)
    }
  } catch (error) {
    throw error instanceof ReportRefused ? error : new ReportRefused('the archive is broken', error)
  }
  throw new ReportRefused('the archive is empty')
}

async function readBounded(stream: Readable, packedBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  const bytesMax = Math.min(
    reportLimits.unpackedBytesMax,
    Math.max(reportLimits.expansionFromBytes, packedBytes * reportLimits.expansionMax),
  )
  try {
    for await (const piece of stream) {
      if (!Buffer.isBuffer(piece)) throw new TypeError('a stream of bytes gave something else')
      bytes += piece.length
      if (bytes > bytesMax) throw new ReportRefused('the archive swells beyond every report')
      pieces.push(piece)
    }
  } catch (error) {
    throw error instanceof ReportRefused ? error : new ReportRefused('the archive is broken', error)
  } finally {
    stream.destroy()
  }
  return Buffer.concat(pieces, bytes)
}
