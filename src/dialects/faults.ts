/** What went wrong in a request, before a dialect puts it into its vendor's words. */
import type { FastifyError } from 'fastify'
import { Refusal } from '../platform/errors.ts'
import { codeOfError } from '../platform/http/fastify-errors.ts'

export type Fault = {
  refusal: Refusal
  /** Set when the request does not fit its route's schema: what is wrong first. */
  violation: Violation | null
}

export type Violation = {
  part: 'body' | 'querystring' | 'params' | 'headers'
  /** Names and indexes that lead to the value within that part; the value itself may be missing. */
  path: readonly string[]
  /** The keyword of JSON Schema that it breaks: `required`, `format`, `maxLength` ... */
  keyword: string
  /** In English, without the name of the value. */
  detail: string
}

/** Any error that a route or Fastify threw; what is no refusal is a defect of ours, and `internal`. */
export function faultOf(error: FastifyError): Fault {
  if (error instanceof Refusal) return { refusal: error, violation: null }
  const [first] = error.validation ?? []
  if (first) {
    const violation = violationOf(first, error.validationContext)
    const detail = `${violation.path.join('.') || 'The body'} ${violation.detail}.`
    return { refusal: new Refusal('invalid_request', detail, { cause: error }), violation }
  }
  return { refusal: new Refusal(codeOfError(error), undefined, { cause: error }), violation: null }
}

type ValidationError = NonNullable<FastifyError['validation']>[number]

function violationOf(error: ValidationError, context: FastifyError['validationContext']): Violation {
  const { keyword, params, message } = error
  const missing = params['missingProperty']
  const extra = params['additionalProperty']
  const name = typeof missing === 'string' ? missing : typeof extra === 'string' ? extra : null
  const path = pathOf(error.instancePath)
  return {
    part: context === 'querystring' || context === 'params' || context === 'headers' ? context : 'body',
    path: name === null ? path : [...path, name],
    keyword,
    detail: detailOf(keyword, params, message),
  }
}

function detailOf(keyword: string, params: ValidationError['params'], message: string | undefined): string {
  if (keyword === 'required') return 'is missing'
  if (keyword === 'additionalProperties') return 'is not known here'
  const allowed = params['allowedValues']
  if (Array.isArray(allowed)) return `must be one of: ${allowed.join(', ')}`
  return message ?? 'is not valid'
}

/** The steps of a JSON Pointer (RFC 6901 §4). */
export function pathOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}
