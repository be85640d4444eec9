/** Everything that goes wrong becomes one problem here: refusals, bad requests, unknown routes, our defects. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorCatalogue, Refusal } from '../platform/errors.ts'
import { codeOfError } from '../platform/http/fastify-errors.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { pointerToken } from './json-body.ts'
import {
  type FieldError,
  type Problem,
  problemMediaType,
  problemOf,
  problemOfRefusal,
} from './problem-view.ts'

/** Makes problems the only form of errors in this server; a dialect puts its own form in its own scope. */
export function answerWithProblems(app: FastifyInstance, platform: Platform): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => answerError(platform, error, request, reply))
  app.setNotFoundHandler((request, reply) => sendProblem(reply, routeNotFound(request.id)))
}

/** Answers a request with the problem that this error is. */
export function answerError(
  platform: Platform,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const problem = problemOfError(error, request.id)
  if (problem.status >= 500 && !(error instanceof Refusal)) {
    platform.log.error({
      event: 'http.failed',
      request_id: request.id,
      method: request.method,
      route: request.routeOptions.url,
      cause: error,
    })
  }
  if (problem.code === 'unauthenticated') void reply.header('www-authenticate', 'Bearer realm="mailwright"') // RFC 6750 §3
  if (error instanceof Refusal && error.retryAfterSeconds !== null)
    void reply.header('retry-after', error.retryAfterSeconds)
  sendProblem(reply, problem)
}

function sendProblem(reply: FastifyReply, problem: Problem): void {
  // As text: the routes' schemas describe their problems, but no one else's serializer is needed for them.
  void reply.code(problem.status).header('content-type', problemMediaType).send(JSON.stringify(problem))
}

function routeNotFound(requestId: string): Problem {
  return problemOfRefusal(new Refusal('route_not_found'), requestId)
}

function problemOfError(error: FastifyError, requestId: string): Problem {
  if (error instanceof Refusal) return problemOfRefusal(error, requestId)
  const instance = `urn:uuid:${requestId}`
  if (error.validation) {
    const errors = error.validation
      .slice(0, 1)
      .map((one) => fieldError(one, error.validationContext ?? 'body'))
    const [first] = errors
    return {
      ...problemOf('invalid_request', first ? sentence(first) : 'The request is not valid.', errors),
      instance,
    }
  }
  const code = codeOfError(error)
  return { ...problemOf(code, errorCatalogue[code].title), instance }
}

type ValidationError = NonNullable<FastifyError['validation']>[number]

function fieldError(error: ValidationError, context: string): FieldError {
  const { missingProperty, additionalProperty } = error.params
  const name =
    typeof missingProperty === 'string'
      ? missingProperty
      : typeof additionalProperty === 'string'
        ? additionalProperty
        : null
  const pointer = name === null ? error.instancePath : `${error.instancePath}/${pointerToken(name)}`
  const detail = detailOf(error)
  switch (context) {
    case 'querystring':
      return { parameter: pointer.slice(1), detail }
    case 'headers':
      return { header: pointer.slice(1), detail }
    default:
      return { pointer, detail }
  }
}

function detailOf({ keyword, params, message }: ValidationError): string {
  switch (keyword) {
    case 'required':
      return 'is missing'
    case 'additionalProperties':
      return 'is not known here'
    case 'enum':
      return Array.isArray(params['allowedValues'])
        ? `must be one of: ${params['allowedValues'].join(', ')}`
        : 'is not allowed'
    default:
      return message ?? 'is not valid'
  }
}

function sentence(error: FieldError): string {
  const where = error.parameter ?? error.header ?? error.pointer ?? ''
  return `${where === '' ? 'The body' : where} ${error.detail}.`
}

/** Answers what is no HTTP at all, or too much of it; there is no request object yet. */
export function answerBrokenHttp(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return void socket.destroy()
  const status = brokenHttpStatus[error.code ?? ''] ?? 400
  const problem = problemOf('invalid_request', 'The request could not be read as HTTP.')
  const body = JSON.stringify({ ...problem, status, instance: `urn:uuid:${newId()}` })
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: ${problemMediaType}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

// RFC 9110 §15.5.9, RFC 6585 §5.
const brokenHttpStatus: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
}
