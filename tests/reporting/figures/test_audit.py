from featkit import reporting


def test_domains_stand_in_natural_order(make):
    figure = reporting.split_matrix(make.audit(("site 10", "site 2", "seedbank")))
    rows = [t.get_text().split(" · ")[0] for t in figure.axes[0].get_yticklabels()]
    assert list(dict.fromkeys(rows)) == ["seedbank", "site 2", "site 10"]
