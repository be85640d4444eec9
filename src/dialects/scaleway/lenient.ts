/** What this API's clients send for what is not set: empty text, null, and the first word of an enumeration. */
import type { FastifyInstance } from 'fastify'

/** Fields of bodies that are as if absent with these texts. */
const unsetTexts: Readonly<Record<string, readonly string[]>> = {
  project_id: [''],
  subscription_period: ['', 'unknown_subscription_period'],
}

/** Takes what is not set out of every request of this scope, before it is held to its route's schema. */
export function dropUnset(app: FastifyInstance): void {
  app.addHook('preValidation', (request, _reply, done) => {
    const { query, body } = request
    if (isRecord(query)) request.query = without(query, isUnsetInQuery)
    if (isRecord(body)) request.body = without(body, isUnsetInBody)
    done()
  })
}

function isUnsetInQuery(_name: string, value: unknown): boolean {
  return value === ''
}

function isUnsetInBody(name: string, value: unknown): boolean {
  return value === null || (typeof value === 'string' && unsetTexts[name]?.includes(value) === true)
}

function without(
  record: object,
  isUnset: (name: string, value: unknown) => boolean,
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([name, value]) => !isUnset(name, value)))
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
