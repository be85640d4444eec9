/** Errors that are no refusals in the words of the catalogue: Fastify's own (its documentation, Reference/Errors), and no database. */
import type { FastifyError } from 'fastify'
import { DatabaseUnreachable } from '../database.ts'
import type { ErrorCode } from '../errors.ts'

const codes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'invalid_request',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_BAD_URL: 'invalid_request',
  FST_ERR_MAX_PARAM_LENGTH: 'route_not_found',
  FST_ERR_NOT_FOUND: 'route_not_found',
  // The client broke off while its body was read: nobody hears the answer, and it is no defect of ours.
  ECONNRESET: 'invalid_request',
  ERR_STREAM_PREMATURE_CLOSE: 'invalid_request',
}

/** `internal` for what is none of them: a defect. */
export function codeOfError(error: Error & Partial<Pick<FastifyError, 'code'>>): ErrorCode {
  if (error instanceof DatabaseUnreachable) return 'not_ready'
  return codes[error.code ?? ''] ?? 'internal'
}
