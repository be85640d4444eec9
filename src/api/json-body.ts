/**
 * JSON bodies: read once, and refused when they hold what the database cannot store or another system
 * would misread: bytes that are not UTF-8, NUL characters, and halves of surrogate pairs.
 */
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { Refusal } from '../platform/errors.ts'

/** Makes JSON the only media type of this server's bodies. */
export function acceptJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseJson(typeof body === 'string' ? Buffer.from(body) : body))
    } catch (error) {
      done(error instanceof Error ? error : new Error('the body could not be read', { cause: error }))
    }
  })
}

/**
 * @returns undefined for an empty body: clients say application/json also when they send nothing.
 * @throws Refusal invalid_json, invalid_request.
 */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined
  if (!isUtf8(bytes)) throw new Refusal('invalid_json', 'The body is not UTF-8.')
  const text = bytes.toString()
  const value = parseText(text)
  // Neither can stand in JSON other than as an escape, so that most bodies are not walked at all.
  if (suspectEscape.test(text)) refuseUnstorable(value, '', 0)
  return value
}

const suspectEscape = /\\u(?:0000|[dD][89a-fA-F])/

function parseText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Refusal('invalid_json', undefined, { cause: error })
  }
}

// No schema of ours is deeper than a handful; the walk must end before the stack does.
const depthMax = 64

function refuseUnstorable(value: unknown, pointer: string, depth: number): void {
  if (typeof value === 'string') refuseText(value, pointer)
  if (typeof value !== 'object' || value === null) return
  if (depth === depthMax)
    throw new Refusal('invalid_request', `The body is nested deeper than ${depthMax} levels.`)
  for (const [key, inner] of Object.entries(value)) {
    refuseText(key, pointer)
    refuseUnstorable(inner, `${pointer}/${pointerToken(key)}`, depth + 1)
  }
}

function refuseText(text: string, pointer: string): void {
  const detail = text.includes('\0')
    ? 'has a NUL character'
    : text.isWellFormed()
      ? null
      : 'has half of a surrogate pair'
  if (detail !== null) throw new Refusal('invalid_request', undefined, { fields: [{ pointer, detail }] })
}

/** One step of a JSON Pointer (RFC 6901 §3). */
export function pointerToken(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
