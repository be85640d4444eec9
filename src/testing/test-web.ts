/** HTTP as browsers and mail clients speak it: to any port, under any host name, and byte by byte. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { request as requestSecure } from 'node:https'
import { connect } from 'node:net'
import { TLSSocket } from 'node:tls'

export type WebReply = {
  status: number
  headers: IncomingHttpHeaders
  body: string
  /** Of the host, over TLS. */
  certificateNames: string | undefined
  certificateSerial: string | undefined
}

export type WebQuestion = {
  port: number | null
  /** Host field, and over TLS the name that is asked for and verified. */
  host: string
  path?: string
  method?: string
  body?: string
  headers?: Record<string, string>
  /** Over TLS: authorities that are trusted; null: any certificate. */
  ca?: string | null
}

/** Asks 127.0.0.1. @throws when the certificate is not good. */
export function askWeb(question: WebQuestion): Promise<WebReply> {
  const { port, host, path = '/', method = 'GET', body = '', headers = {}, ca } = question
  const options = {
    host: '127.0.0.1',
    port: port ?? 0,
    path,
    method,
    agent: false,
    headers: {
      host,
      ...(body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      ...headers,
    },
  }
  return new Promise((resolve, reject) => {
    const take = (response: IncomingMessage): void => {
      const { socket } = response
      const certificate = socket instanceof TLSSocket ? socket.getPeerCertificate() : undefined
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          certificateNames: certificate?.subjectaltname,
          certificateSerial: certificate?.serialNumber,
        }),
      )
    }
    const servername = host.replace(/:\d+$/, '')
    const asked =
      ca === undefined
        ? request(options, take)
        : requestSecure(
            { ...options, servername, ...(ca === null ? { rejectUnauthorized: false } : { ca }) },
            take,
          )
    asked.on('error', reject).end(body)
  })
}

/** Sends bytes as they are, and gives what comes back until the server closes. */
export function sendRaw(port: number | null, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port ?? 0, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      answer += chunk
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}
