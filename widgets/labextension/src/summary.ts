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
  parameters: number;
  /** Whether `parameters` is counted from packed bytes and may be a few less. */
  at_most: boolean;
  zeros: number;
  bytes: number;
  deflated: number;
  /** Whether zeros and distinct are estimates. */
  sampled: boolean;
  /** Whether deflated is one. */
  deflated_sampled: boolean;
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
  deflated_sampled: boolean;
  weights_are_stored: boolean;
  /** Whether numbers lie in another file, which is not read. */
  weights_elsewhere?: boolean;
  layers_left_out: boolean;
  file_bytes: number;
  parts: { weights: number; optimizer: number; config: number; other: number };
}

export interface ISummary {
  file: string;
  model: { class: string; name: string; made_by: string; saved: string };
  totals: ITotals;
  layers: ILayer[];
}

export interface IFailure {
  error: string;
}
