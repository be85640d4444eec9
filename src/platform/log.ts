/** Logs: one JSON line per event on standard error. Secrets never get there: keys of their names are cut. */
import pino from 'pino'

export type Logger = pino.Logger

const secretKeys = [
  'password',
  'token',
  'secret',
  'authorization',
  'api_key',
  'apiKey',
  'masterKey',
  'databaseUrl',
]

export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: '[secret]' },
      serializers: { cause: pino.stdSerializers.err },
    },
    pino.destination({ dest: 2, sync: false }),
  )
}
