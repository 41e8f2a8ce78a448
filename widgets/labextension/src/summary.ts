/** What the server tells about a model file; see nncompress_lab/server. */

export interface IWeight {
  name: string;
  shape: number[];
  dtype: string;
}

export interface IHistogram {
  counts: number[];
  /** Where the first interval begins and the last one ends. */
  edges: [number, number];
  low: number;
  high: number;
}

export interface ILayer {
  name: string;
  class: string;
  weights: IWeight[];
  /** Width of packed integers, or null. */
  bits: number | null;
  parameters: number;
  /** Whether `parameters` is counted from packed bytes and may be a few less. */
  at_most: boolean;
  zeros: number;
  bytes: number;
  deflated: number;
  /** Whether zeros, distinct and deflated are estimates. */
  sampled: boolean;
  distinct: number;
  /** Whether there are more distinct values than `distinct`. */
  distinct_is_more: boolean;
  /** NaN and infinite numbers among the kernels. */
  not_finite: number;
  histogram: IHistogram | null;
}

export interface ITotals {
  parameters: number;
  zeros: number;
  weight_bytes: number;
  deflated_bytes: number;
  sampled: boolean;
  weights_are_stored: boolean;
  layers_left_out: boolean;
  file_bytes: number;
  parts: { weights: number; optimizer: number; config: number; other: number };
}

export interface ISummary {
  file: string;
  model: { class: string; name: string; keras_version: string; saved: string };
  totals: ITotals;
  layers: ILayer[];
}

export interface IFailure {
  error: string;
}
